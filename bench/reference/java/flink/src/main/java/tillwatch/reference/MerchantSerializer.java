package tillwatch.reference;

import java.io.IOException;
import org.apache.flink.api.common.typeutils.SimpleTypeSerializerSnapshot;
import org.apache.flink.api.common.typeutils.TypeSerializerSnapshot;
import org.apache.flink.core.memory.DataInputView;
import org.apache.flink.core.memory.DataOutputView;

/** The state in the same bytes as with Kafka Streams. */
final class MerchantSerializer extends CompactSerializer<Merchant> {
    private static final long serialVersionUID = 1;

    @Override
    public Merchant createInstance() {
        return new Merchant();
    }

    @Override
    public int getLength() {
        return Merchant.SIZE;
    }

    @Override
    public Merchant copy(Merchant from) {
        Merchant to = new Merchant();
        to.load(from.store());
        return to;
    }

    @Override
    public void serialize(Merchant merchant, DataOutputView out) throws IOException {
        out.write(merchant.store());
    }

    @Override
    public Merchant deserialize(DataInputView in) throws IOException {
        byte[] stored = new byte[Merchant.SIZE];
        in.readFully(stored);
        Merchant merchant = new Merchant();
        merchant.load(stored);
        return merchant;
    }

    @Override
    public TypeSerializerSnapshot<Merchant> snapshotConfiguration() {
        return new Snapshot();
    }

    /** Public, as Flink makes it by its name. */
    public static final class Snapshot extends SimpleTypeSerializerSnapshot<Merchant> {
        public Snapshot() {
            super(MerchantSerializer::new);
        }
    }
}
