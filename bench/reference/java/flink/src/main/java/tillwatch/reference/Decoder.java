package tillwatch.reference;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Makes a Record of each one read, the same object again and again: it is serialized before the next one is read. */
final class Decoder implements KafkaRecordDeserializationSchema<Record> {
    private static final long serialVersionUID = 1;

    private transient Record record;

    @Override
    public void open(DeserializationSchema.InitializationContext context) {
        record = new Record();
    }

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> input, Collector<Record> out) throws IOException {
        record.parse(input.value());
        // Records without a key, such as clocks, are none of the job's, but are counted.
        record.merchantId = input.key() == null ? "" : new String(input.key(), StandardCharsets.UTF_8);
        out.collect(record);
    }

    @Override
    public TypeInformation<Record> getProducedType() {
        return new CompactType<>(Record.class, new RecordSerializer());
    }
}
