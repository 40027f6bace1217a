// Prints each request that reached its end, once. With kafka-clients on the class path:
//   java -cp "jars/*" examples/ReadCompletions.java
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class ReadCompletions {
  public static void main(String[] arguments) {
    var servers = System.getenv().getOrDefault("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092");
    var topic = System.getenv().getOrDefault("KAFKA_TOPIC_PREFIX", "") + "requests.completed.v1";
    Map<String, Object> settings = Map.of("bootstrap.servers", servers, "group.id", "my-java-shop",
        "auto.offset.reset", "earliest", "isolation.level", "read_committed");
    try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of(topic));
      while (true) {
        for (var message : consumer.poll(Duration.ofSeconds(1))) System.out.println(message.value());
      }
    }
  }
}
