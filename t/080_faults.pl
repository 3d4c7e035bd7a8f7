# Faults at every step between decoding and confirming: nothing is lost, nothing doubled.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WeirTest;

my $node = start_weir('faults');

$node->safe_psql('postgres', q{
CREATE TABLE orders(id bigserial PRIMARY KEY, at timestamptz, amount float8, item text);
ALTER TABLE orders REPLICA IDENTITY FULL;
INSERT INTO orders(at, amount, item) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i, 'item ' || i % 7 FROM generate_series(1, 500) i;
SELECT weir.create_monitor('orders', 'orders', 'at', segment_by => '{item}', window_size => '1 hour')});
all_equal($node, 'orders', 'before any fault');
my ($result, $stdout, $stderr) = $node->psql('postgres', q(ALTER SYSTEM SET weir.fault = 'nowhere'));
like($stderr, qr/invalid value for parameter "weir.fault"/, 'a point that does not exist is refused');

# What the fault interrupts is not there in the table either.
sub change
{
	$node->psql('postgres', q{
INSERT INTO orders(at, amount, item) SELECT '2026-01-01'::timestamptz + i * interval '1 min', i, 'item ' || i % 7 FROM generate_series(1, 200) i;
UPDATE orders SET amount = amount + 1 WHERE id % 10 = 0; DELETE FROM orders WHERE id % 100 = 7});
	return;
}

foreach my $fault ('change:kill:1:37', 'commit', 'flush_begin', 'pane_written:kill:2:3', 'flush_written:exit', 'flush_committed', 'before_confirm', 'after_confirm:kill:2',
	'flush_written:error:2')
{
	my ($times) = $fault =~ /^\w+:\w+:(\d+)/;
	set_fault($node, $fault);
	change();
	wait_for_fault($node, $fault, $times // 1);
	set_fault($node, '');
	$node->poll_query_until('postgres', q(SELECT state = 'streaming' FROM weir.capture_status));
	all_equal($node, 'orders', "after $fault");
	is($node->safe_psql('postgres', q(SELECT (SELECT count(*) FROM orders) = (SELECT sum(n) FROM weir.pane WHERE generation = 0))), 't', 'as many rows as there are');
}
is($node->safe_psql('postgres', q(SELECT count(*) FROM weir.gap)), 0, 'none of them is a gap');

$node->stop;
done_testing();
