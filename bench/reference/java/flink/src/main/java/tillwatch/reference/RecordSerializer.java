package tillwatch.reference;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** What goes from the source to the checks: of each type what it has. */
final class RecordSerializer extends CompactSerializer<Record> {
    private static final long serialVersionUID = 1;

    @Override
    public Record createInstance() {
        return new Record();
    }

    @Override
    public Record copy(Record from) {
        Record to = new Record();
        to.merchantId = from.merchantId;
        to.type = from.type;
        to.mcc = from.mcc;
        to.ratePpm = from.ratePpm;
        to.amount = from.amount;
        to.fee = from.fee;
        to.eventTime = from.eventTime;
        to.txnId = from.txnId;
        return to;
    }

    @Override
    public void serialize(Record record, DataOutputView out) throws IOException {
        out.writeByte(record.type);
        write(record.merchantId, out);
        switch (record.type) {
            case Record.TRANSACTION -> {
                out.writeInt(record.mcc);
                out.writeLong(record.amount);
                out.writeLong(record.fee);
                out.writeLong(record.eventTime);
                write(record.txnId, out);
            }
            case Record.MERCHANT -> out.writeInt(record.mcc);
            case Record.CONTRACT -> out.writeInt(record.ratePpm);
            default -> { }
        }
    }

    @Override
    public Record deserialize(DataInputView in) throws IOException {
        Record record = new Record();
        record.type = in.readByte();
        record.merchantId = read(in);
        switch (record.type) {
            case Record.TRANSACTION -> {
                record.mcc = in.readInt();
                record.amount = in.readLong();
                record.fee = in.readLong();
                record.eventTime = in.readLong();
                record.txnId = read(in);
            }
            case Record.MERCHANT -> record.mcc = in.readInt();
            case Record.CONTRACT -> record.ratePpm = in.readInt();
            default -> { }
        }
        return record;
    }

    /** Writes a code: printable ASCII, much faster as bytes than as Flink's strings. */
    private static void write(String code, DataOutputView out) throws IOException {
        byte[] bytes = code.getBytes(StandardCharsets.ISO_8859_1);
        out.writeShort(bytes.length);
        out.write(bytes);
    }

    private static String read(DataInputView in) throws IOException {
        byte[] bytes = new byte[in.readUnsignedShort()];
        in.readFully(bytes);
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    @Override
    public TypeSerializerSnapshot<Record> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Public, as Flink makes it by its name. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Record> {
        public Snapshot() {
            super(RecordSerializer::new);
        }
    }
}
