import com.sun.management.OperatingSystemMXBean;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** The benchmark's job on Kafka Streams: dedupe, daily window and join, exactly_once_v2, RocksDB stores with changelogs. */
public final class KafkaStreamsPeer {
    static final int WIRE_HEAD = 5; // Confluent's: a zero and four bytes of schema number
    static final String SEEN = "seen";
    static final byte[] PRESENT = {1};
    static final long MARKED = 50_000; // events between two lines that say what CPU they took

    static final OperatingSystemMXBean CPU = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    /** One usage event; quantity in 1e-18. */
    record Usage(String source, String eventId, String meter, BigInteger quantity, long millis) {}

    /** The number of events and their sum, in 1e-18. */
    record Totals(long count, BigInteger sum) {
        static final Totals NONE = new Totals(0, BigInteger.ZERO);
    }

    record Line(String customer, String meter, String day, Totals totals) {
        String json(String rate) {
            return "{\"customer\":\"" + customer + "\",\"meter\":\"" + meter + "\",\"day\":\"" + day + "\",\"count\":"
                + totals.count + ",\"sum\":\"" + new BigDecimal(totals.sum, 18).toPlainString() + "\",\"rate\":"
                + (rate == null ? "null" : "\"" + rate + "\"") + "}";
        }
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, String> given = new HashMap<>();
        for (int at = 0; at < arguments.length; at += 2) {
            given.put(arguments[at].substring(2), arguments[at + 1]);
        }
        Schema usage = new Schema.Parser().parse(new File(given.get("usage-schema")));
        Schema contract = new Schema.Parser().parse(new File(given.get("contract-schema")));
        StreamsBuilder builder = new StreamsBuilder();
        job(builder, given, usage, contract);
        Properties settings = settings(given);
        KafkaStreams streams = new KafkaStreams(builder.build(settings), settings);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            Runtime.getRuntime().halt(1);
            return null;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(30));
            ended.countDown();
        }));
        streams.start();
        ended.await();
    }

    static Properties settings(Map<String, String> given) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get("output"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get("brokers"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, given.get("state"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given.getOrDefault("threads", "1"));
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, given.getOrDefault("commit-ms", "5000"));
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L << 20);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        settings.put(StreamsConfig.consumerPrefix("max.poll.records"), 10_000);
        settings.put(StreamsConfig.producerPrefix("linger.ms"), 100);
        settings.put(StreamsConfig.producerPrefix("batch.size"), 256 << 10);
        return settings;
    }

    static void job(StreamsBuilder builder, Map<String, String> given, Schema usage, Schema contract) {
        Serde<String> text = Serdes.String();
        GlobalKTable<String, byte[]> contracts =
            builder.globalTable(given.get("contracts"), Consumed.with(text, Serdes.ByteArray()));
        GenericDatumReader<GenericRecord> reader = new GenericDatumReader<>(usage, wanted(usage));
        Deserializer<Usage> events = (topic, data) -> usage(reader, data);
        TimestampExtractor eventTime = (ConsumerRecord<Object, Object> one, long last) -> ((Usage) one.value()).millis;
        builder.addStateStore(
            Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(SEEN), text, Serdes.ByteArray()));
        TimeWindows days = TimeWindows.ofSizeAndGrace(Duration.ofDays(1), Duration.ofDays(1));
        builder.stream(given.get("usage"), Consumed.with(text, readOnly(events)).withTimestampExtractor(eventTime))
            .processValues(Dedupe::new, SEEN) // keeps the key: no repartition topic
            .groupByKey(Grouped.with(text, readOnly(events)))
            .windowedBy(days)
            .aggregate(
                TreeMap<String, Totals>::new,
                (customer, one, sums) -> {
                    Totals old = sums.getOrDefault(one.meter, Totals.NONE);
                    sums.put(one.meter, new Totals(old.count + 1, old.sum.add(one.quantity)));
                    return sums;
                },
                Materialized.<String, TreeMap<String, Totals>, WindowStore<Bytes, byte[]>>as("days")
                    .withKeySerde(text).withValueSerde(sums()))
            .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
            .toStream()
            .flatMap((window, sums) -> lines(window, sums))
            .leftJoin(contracts, (customer, line) -> customer,
                (line, terms) -> line.json(terms == null ? null : rates(read(contract, terms)).get(line.meter)))
            .to(given.get("output"), Produced.with(text, text));
    }

    /** Forwards what was not seen yet. */
    static final class Dedupe implements FixedKeyProcessor<String, Usage, Usage> {
        private FixedKeyProcessorContext<String, Usage> context;
        private KeyValueStore<String, byte[]> seen;
        private static final AtomicLong EVENTS = new AtomicLong();

        @Override
        public void init(FixedKeyProcessorContext<String, Usage> given) {
            context = given;
            seen = given.getStateStore(SEEN);
        }

        @Override
        public void process(FixedKeyRecord<String, Usage> one) {
            String identity = one.key() + '|' + one.value().source + '|' + one.value().eventId;
            if (seen.putIfAbsent(identity, PRESENT) == null) {
                context.forward(one);
            }
            long events = EVENTS.incrementAndGet();
            if (events % MARKED == 0) {
                System.out.println("mark " + events + " " + CPU.getProcessCpuTime() / 1e9);
            }
        }
    }

    static List<KeyValue<String, Line>> lines(Windowed<String> window, Map<String, Totals> sums) {
        String day = Instant.ofEpochMilli(window.window().start()).atZone(ZoneOffset.UTC).toLocalDate().toString();
        List<KeyValue<String, Line>> lines = new ArrayList<>();
        sums.forEach((meter, totals) ->
            lines.add(KeyValue.pair(window.key(), new Line(window.key(), meter, day, totals))));
        return lines;
    }

    /** The fields that the job needs: Avro's reader then skips the others. */
    static Schema wanted(Schema whole) {
        List<Schema.Field> fields = new ArrayList<>();
        for (String name : List.of("event_id", "source", "meter", "quantity", "event_time")) {
            Schema.Field field = whole.getField(name);
            fields.add(new Schema.Field(name, field.schema()));
        }
        return Schema.createRecord(whole.getName(), null, whole.getNamespace(), false, fields);
    }

    static final ThreadLocal<BinaryDecoder> DECODER = new ThreadLocal<>();

    static BinaryDecoder decoder(byte[] data) {
        BinaryDecoder decoder =
            DecoderFactory.get().binaryDecoder(data, WIRE_HEAD, data.length - WIRE_HEAD, DECODER.get());
        DECODER.set(decoder);
        return decoder;
    }

    static Usage usage(GenericDatumReader<GenericRecord> reader, byte[] data) {
        try {
            GenericRecord one = reader.read(null, decoder(data));
            return new Usage(one.get(1).toString(), one.get(0).toString(), one.get(2).toString(),
                unscaled(one.get(3)), (Long) one.get(4) / 1000);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static GenericRecord read(Schema schema, byte[] data) {
        try {
            return new GenericDatumReader<GenericRecord>(schema).read(null, decoder(data));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static BigInteger unscaled(Object decimal) {
        ByteBuffer bytes = (ByteBuffer) decimal;
        byte[] copy = new byte[bytes.remaining()];
        bytes.duplicate().get(copy);
        return new BigInteger(copy);
    }

    /** The price of each meter. */
    static Map<String, String> rates(GenericRecord contract) {
        Map<String, String> rates = new HashMap<>();
        for (Object line : (List<?>) contract.get("lines")) {
            GenericRecord rate = (GenericRecord) ((GenericRecord) line).get("rate");
            if (rate != null) {
                rates.put(rate.get("meter").toString(),
                    new BigDecimal(unscaled(rate.get("unit_price")), 12).stripTrailingZeros().toPlainString());
            }
        }
        return rates;
    }

    static <T> Serde<T> readOnly(Deserializer<T> deserializer) {
        return Serdes.serdeFrom((topic, data) -> { throw new IllegalStateException("never written"); }, deserializer);
    }

    static Serde<TreeMap<String, Totals>> sums() {
        Serializer<TreeMap<String, Totals>> to = (topic, sums) -> {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
            DataOutputStream out = new DataOutputStream(bytes);
            try {
                for (Map.Entry<String, Totals> one : sums.entrySet()) {
                    byte[] sum = one.getValue().sum.toByteArray();
                    out.writeUTF(one.getKey());
                    out.writeLong(one.getValue().count);
                    out.writeShort(sum.length);
                    out.write(sum);
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return bytes.toByteArray();
        };
        Deserializer<TreeMap<String, Totals>> from = (topic, data) -> {
            DataInputStream in = new DataInputStream(new ByteArrayInputStream(data));
            TreeMap<String, Totals> sums = new TreeMap<>();
            try {
                while (in.available() > 0) {
                    String meter = in.readUTF();
                    long count = in.readLong();
                    sums.put(meter, new Totals(count, new BigInteger(in.readNBytes(in.readShort()))));
                }
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
            return sums;
        };
        return Serdes.serdeFrom(to, from);
    }
}
