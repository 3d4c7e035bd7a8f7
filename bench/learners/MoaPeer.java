import com.yahoo.labs.samoa.instances.*;
import com.github.javacliparser.*;
import java.io.*;
import java.util.*;
import moa.classifiers.Classifier;
import moa.options.ClassOption;

/** Trains a MOA learner on a file of numbers, the class last; prints rows per second and its prequential accuracy. */
public class MoaPeer {
    public static void main(String[] arguments) throws Exception {
        List<double[]> rows = new ArrayList<>();
        int classes = 0;
        try (BufferedReader reader = new BufferedReader(new FileReader(arguments[1]))) {
            for (String line; (line = reader.readLine()) != null; ) {
                String[] fields = line.split(",");
                double[] row = new double[fields.length];
                for (int i = 0; i < row.length; i++)
                    row[i] = Double.parseDouble(fields[i]);
                classes = Math.max(classes, (int) row[row.length - 1] + 1);
                rows.add(row);
            }
        }
        List<Attribute> attributes = new ArrayList<>();
        int n = rows.get(0).length;
        for (int i = 0; i < n - 1; i++)
            attributes.add(new Attribute("x" + i));
        List<String> names = new ArrayList<>();
        for (int i = 0; i < classes; i++)
            names.add("c" + i);
        attributes.add(new Attribute("class", names));
        Instances header = new Instances("rows", attributes, 0);
        header.setClassIndex(n - 1);
        InstancesHeader context = new InstancesHeader(header);
        List<Instance> instances = new ArrayList<>();
        for (double[] row : rows) {
            Instance instance = new DenseInstance(1.0, row);
            instance.setDataset(context);
            instances.add(instance);
        }
        double best = 0;
        double accuracy = 0;
        for (int round = 0; round < 3; round++) {
            Classifier learner = (Classifier) ClassOption.cliStringToObject(arguments[0], Classifier.class, null);
            learner.setModelContext(context);
            learner.prepareForUse();
            int hits = 0;
            boolean asks = arguments.length > 2;
            long start = System.nanoTime();
            for (Instance instance : instances) {
                if (asks && learner.correctlyClassifies(instance))
                    hits++;
                learner.trainOnInstance(instance);
            }
            best = Math.max(best, instances.size() / ((System.nanoTime() - start) / 1e9));
            accuracy = (double) hits / instances.size();
        }
        System.out.println(best + " " + accuracy);
    }
}
