import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.io.StringWriter;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.transform.stream.StreamSource;
import net.sf.saxon.s9api.Processor;
import net.sf.saxon.s9api.SaxonApiException;
import net.sf.saxon.s9api.Xslt30Transformer;
import net.sf.saxon.s9api.XsltExecutable;

/**
 * The official processor on the JVM, for bench/jvm.py: reads lines of sheet, file and times, separated by tabs; answers each with the
 * nanoseconds of CPU of every time (bytes in, SVRL text out; this thread's, so that neither compiler nor collector count), [] where it
 * cannot compile the sheet or judge the file.
 */
public class Yardstick {
    public static void main(String[] arguments) throws Exception {
        Processor processor = new Processor(false);
        BufferedReader asked = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = asked.readLine()) != null; ) {
            String[] words = line.split("\t");
            try {
                XsltExecutable sheet = processor.newXsltCompiler().compile(new StreamSource(new File(words[0])));
                System.out.println(spent(processor, sheet, Files.readAllBytes(Path.of(words[1])), Integer.parseInt(words[2])));
            } catch (SaxonApiException cannot) {
                System.out.println("[]");
            }
        }
    }

    static String spent(Processor processor, XsltExecutable sheet, byte[] data, int times) throws SaxonApiException {
        ThreadMXBean clock = ManagementFactory.getThreadMXBean();
        StringBuilder spent = new StringBuilder("[");
        for (int n = times; n > 0; n--) {
            long begun = clock.getCurrentThreadCpuTime();
            Xslt30Transformer transformer = sheet.load30();
            StreamSource source = new StreamSource(new ByteArrayInputStream(data));
            transformer.applyTemplates(processor.newDocumentBuilder().build(source), processor.newSerializer(new StringWriter()));
            spent.append(clock.getCurrentThreadCpuTime() - begun).append(n > 1 ? "," : "]");
        }
        return spent.toString();
    }
}
