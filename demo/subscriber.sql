-- The subscriber: receives the loans, trains scorecards, and sends them back the same way that the loans came.

CREATE EXTENSION weir;

-- Updates and deletes are taken back exactly when the old row is in the write-ahead log.
ALTER TABLE loans REPLICA IDENTITY FULL;

-- What a trainer runs: fits a scorecard to the days before the alert, registers it as a version of the model, and puts it into use.
CREATE PROCEDURE train_scorecard(job_id bigint, config jsonb) LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := config ->> 'window_end';
    since timestamptz := until - (config ->> 'history')::interval;
    old jsonb := (SELECT points FROM scorecard ORDER BY version DESC LIMIT 1);
    new jsonb := fit_scorecard(since);
    version int;
BEGIN
    version := weir.create_model_version('scorecard', artifact => convert_to(new::text, 'UTF8'), job_id => job_id,
        metrics => jsonb_build_object('fitted to', new -> 'fitted to', 'repaid', (scorecard_calibration(new, since)).repaid,
            'expected', (scorecard_calibration(new, since)).expected, 'expected by the one before', (scorecard_calibration(old, since)).expected,
            'auc', round(scorecard_auc(new, since)::numeric, 3), 'auc of the one before', round(scorecard_auc(old, since)::numeric, 3)),
        note => format('after %s of %s', config ->> 'metric', config ->> 'subject'));
    PERFORM weir.promote_model('scorecard', version, reason => config ->> 'rule');
    INSERT INTO scorecard VALUES (version, new);
END $$;

SELECT weir.create_model('scorecard', purpose => 'approve or refuse loans');
SELECT weir.create_trainer('fit the scorecard', 'scorecard', procedure => 'train_scorecard', config => '{"history": "2 days"}');
