"""How each exporter's records get into Kafka, and what is lost on the way: prose of ``docs/reference/exporters.md``.

Facts about formats stand in ``detector/records``; here is what an operator configures elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True, slots=True)
class Way:
    """One way of an exporter's records into Kafka."""

    title: str
    snippets: tuple[tuple[str, str], ...]
    """Pieces of configuration: language, text."""
    settings: str
    """The daemon's settings that read it, as TOML."""
    lost: tuple[str, ...]
    source: str
    """Where the shipper's own documentation is."""


def _text(text: str) -> str:
    return dedent(text).strip()


def points(text: str) -> tuple[str, ...]:
    """The points of a list, each beginning with ``* `` in a line of its own and going on in the next lines."""
    return tuple(" ".join(point.split()) for point in f"\n{dedent(text)}".split("\n* ")[1:])


ZEEK = (
    Way(
        "Zeek by Filebeat",
        (
            (
                "yaml",
                _text("""
                    filebeat.inputs:
                      - type: filestream
                        id: zeek-conn
                        paths: [/opt/zeek/logs/current/conn.log]
                    processors:
                      - decode_json_fields: {fields: [message], target: zeek}
                    output.kafka:
                      hosts: ["kafka:9092"]
                      topic: flows
                      key: '%{[zeek][id.orig_h]}'
                      partition.hash: {reachable_only: false}
                      required_acks: -1
                      codec.format.string: '%{[message]}'
                """),
            ),
            ("zeek", "redef LogAscii::use_json = T;"),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "zeek"
            # unpack = "message"  # where codec.format is left out: then Filebeat sends an object of its own
        """),
        points("""
            * With `codec.format`, the line alone: no host name, no tags. Without it nothing, but messages are larger.
            * Lines longer than `max_message_bytes`, without a trace but in Filebeat's log.
            * Filebeat hashes keys by FNV-1a: train on the topic.
            * Of tab-separated logs: a header line reaches one partition of many. Write JSON, or name `input.columns`.
        """),
        "https://www.elastic.co/docs/reference/beats/filebeat/kafka-output",
    ),
    Way(
        "Zeek by Vector",
        (
            (
                "yaml",
                _text("""
                    sources:
                      zeek: {type: file, include: [/opt/zeek/logs/current/conn.log]}
                    transforms:
                      keyed:
                        type: remap
                        inputs: [zeek]
                        source: |
                          .source = parse_json!(.message)."id.orig_h"
                    sinks:
                      kafka:
                        type: kafka
                        inputs: [keyed]
                        bootstrap_servers: kafka:9092
                        topic: flows
                        key_field: source
                        librdkafka_options: {partitioner: murmur2_random}
                        encoding: {codec: text}
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "zeek"
        """),
        points("""
            * With `codec: text`, the line alone. With `codec: json`, set `unpack = "message"`.
            * With `murmur2_random`, nothing of the keys: training on files agrees (`oddflow train --partitions`).
            * A line that is not JSON goes on without a key, and is rejected here.
        """),
        "https://vector.dev/docs/reference/configuration/sinks/kafka/",
    ),
    Way(
        "Zeek by zeek-kafka",
        (
            (
                "zeek",
                _text("""
                    @load packages/zeek-kafka
                    redef Kafka::logs_to_send = set(Conn::LOG);
                    redef Kafka::topic_name = "flows";
                    redef Kafka::kafka_conf = table(["metadata.broker.list"] = "kafka:9092");
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "zeek"
            # unpack = "conn"  # with Kafka::tag_json = T
        """),
        points("""
            * The key: messages have none, so that a source's flows are spread over all partitions. Train on the
              topic, or use one partition.
            * `_path`, unless `tag_json` is set: other logs on the topic are known by their fields alone.
            * What is queued when Zeek is killed: `Kafka::max_wait_on_shutdown` bounds the wait.
        """),
        "https://github.com/SeisoLLC/zeek-kafka",
    ),
)

SURICATA = (
    Way(
        "Suricata by Vector",
        (
            (
                "yaml",
                _text("""
                    # suricata.yaml
                    outputs:
                      - eve-log:
                          enabled: yes
                          filetype: regular
                          filename: eve.json
                          types: [flow]
                """),
            ),
            (
                "yaml",
                _text("""
                    # vector.yaml
                    sources:
                      eve: {type: file, include: [/var/log/suricata/eve.json]}
                    transforms:
                      keyed:
                        type: remap
                        inputs: [eve]
                        source: |
                          .source = parse_json!(.message).src_ip
                    sinks:
                      kafka:
                        type: kafka
                        inputs: [keyed]
                        bootstrap_servers: kafka:9092
                        topic: flows
                        key_field: source
                        librdkafka_options: {partitioner: murmur2_random}
                        encoding: {codec: text}
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "suricata"
        """),
        points("""
            * Order: a flow is logged when it ends or times out, minutes after its start; `flow.start` is its time.
            * `netflow` events, one a direction, are passed over: log `flow`.
            * Filebeat's Suricata module renames fields to ECS: send the line as it is, as with Zeek, or use a
              mapping.
        """),
        "https://docs.suricata.io/en/latest/output/eve/eve-json-output.html",
    ),
)

GOFLOW2 = (
    Way(
        "goflow2",
        (
            (
                "sh",
                _text("""
                    goflow2 -format=json -mapping=mapping.yaml \\
                      -transport=kafka -transport.kafka.brokers=kafka:9092 -transport.kafka.topic=flows \\
                      -transport.kafka.hashing=true
                """),
            ),
            (
                "yaml",
                _text("""
                    # mapping.yaml; before version 2: -format.hash=SrcAddr instead
                    formatter:
                      fields: [type, time_received_ns, sampling_rate, sampler_address, time_flow_start_ns,
                        time_flow_end_ns, bytes, packets, src_addr, dst_addr, proto, src_port, dst_port, tcp_flags,
                        icmp_type, icmp_code]
                      key: [src_addr]
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "goflow2"
        """),
        points("""
            * The key is a hash of the fields (FNV-1), and without `hashing` none: train on the topic.
            * One message is one direction; what came back has another key, hence another partition.
            * Flows of an exporter whose templates goflow2 has not seen yet; datagrams that UDP drops. Neither is told
              here.
            * The same flow from two exporters on its way comes twice: nothing removes the second.
            * `-format=bin` is Protobuf without a schema's id, and not read.
        """),
        "https://github.com/netsampler/goflow2/blob/main/docs/mapping.md",
    ),
)

AKVORADO = (
    Way(
        "Akvorado by ClickHouse",
        (
            (
                "sql",
                _text("""
                    CREATE TABLE flows_out (TimeReceived UInt32, SamplingRate UInt64, SrcAddr String, DstAddr String,
                      SrcPort UInt16, DstPort UInt16, Proto UInt8, Bytes UInt64, Packets UInt64)
                    ENGINE = Kafka SETTINGS kafka_broker_list = 'kafka:9092', kafka_topic_list = 'flows',
                      kafka_group_name = 'none', kafka_format = 'JSONEachRow';
                    CREATE MATERIALIZED VIEW flows_out_view TO flows_out AS
                      SELECT toUnixTimestamp(TimeReceived) AS TimeReceived, SamplingRate,
                        replaceOne(toString(SrcAddr), '::ffff:', '') AS SrcAddr,
                        replaceOne(toString(DstAddr), '::ffff:', '') AS DstAddr,
                        SrcPort, DstPort, Proto, Bytes, Packets
                      FROM flows;
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "goflow2"
        """),
        points("""
            * Akvorado's own topic holds its own Protobuf, without a schema's id: it is not read. Its table is.
            * Start, end and so duration: only the time of receipt, in seconds. TCP's flags, unless the schema has
              them.
            * The key: ClickHouse writes messages without one. Train on the topic, or use one partition.
            * Bytes and packets are multiplied by the sampling rate here: leave `SamplingRate` out where they already
              are.
        """),
        "https://github.com/akvorado/akvorado",
    ),
)

NPROBE = (
    Way(
        "nProbe",
        (
            (
                "sh",
                _text("""
                    nprobe -i eth1 --json-labels --kafka "kafka:9092;flows" \\
                      -T "%IPV4_SRC_ADDR %IPV4_DST_ADDR %IPV6_SRC_ADDR %IPV6_DST_ADDR %L4_SRC_PORT %L4_DST_PORT \\
                      %PROTOCOL %IN_BYTES %OUT_BYTES %IN_PKTS %OUT_PKTS %FLOW_START_MILLISECONDS \\
                      %FLOW_END_MILLISECONDS %CLIENT_TCP_FLAGS %SERVER_TCP_FLAGS %ICMP_TYPE %L7_PROTO_NAME"
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "nprobe"
        """),
        points("""
            * Fields that the template (`-T`) does not name. Without `--json-labels` fields are numbers, which are
              read too, but `L7_PROTO_NAME` and flags of each side are not.
            * Connections longer than `-t` seconds come in pieces, each a flow.
            * The key, unless your version has an option for it: train on the topic, or use one partition.
        """),
        "https://www.ntop.org/guides/nprobe/",
    ),
)

PMACCT = (
    Way(
        "pmacct",
        (
            (
                "ini",
                _text("""
                    plugins: kafka
                    aggregate: src_host, dst_host, src_port, dst_port, proto, tcpflags, timestamp_start, timestamp_end
                    kafka_output: json
                    kafka_broker_host: kafka
                    kafka_broker_port: 9092
                    kafka_topic: flows
                    kafka_refresh_time: 10
                    timestamps_since_epoch: true
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "pmacct"
        """),
        points("""
            * Without `timestamp_start` in `aggregate`, all flows of one key within a refresh become one record.
            * Time zones: without `timestamps_since_epoch` or `timestamps_utc`, dates are local and taken for UTC.
            * Order and punctuality: records come together, once every `kafka_refresh_time` seconds.
            * Sampling: counts are as pmacct writes them. Set `nfacctd_renormalize: true` to have them whole.
            * The flow's source as key: unless your `kafka_partition_key` has it, train on the topic, or use one
              partition.
        """),
        "https://github.com/pmacct/pmacct/blob/master/CONFIG-KEYS",
    ),
)

NFDUMP = (
    Way(
        "nfdump",
        (
            (
                "sh",
                _text("""
                    TZ=UTC nfdump -r nfcapd.202311142210 -o ndjson \\
                      | kafka-console-producer.sh --bootstrap-server kafka:9092 --topic flows
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "nfdump"
        """),
        points("""
            * Five minutes: nfcapd's files are read when they are closed. Good for training on a past, late for
              watching.
            * Time zones: without `TZ=UTC` dates are local and taken for UTC.
            * The key: the console producer writes none.
        """),
        "https://github.com/phaag/nfdump",
    ),
)

ARGUS = (
    Way(
        "Argus by ra",
        (
            (
                "sh",
                _text("""
                    TZ=UTC ra -S argus:561 -u -n -c , \\
                      -s stime dur proto saddr sport daddr dport state spkts dpkts sbytes dbytes \\
                      | kafka-console-producer.sh --bootstrap-server kafka:9092 --topic flows
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "argus"
            columns = "stime dur proto saddr sport daddr dport state spkts dpkts sbytes dbytes"
        """),
        points("""
            * The key: the console producer writes none. Vector's `exec` source with a transform can.
            * Records of Argus about itself are passed over; flows between hardware addresses are rejected.
            * Long flows come in pieces, one each `ARGUS_FLOW_STATUS_INTERVAL`.
        """),
        "https://openargus.org/using-argus",
    ),
)

VPC = (
    Way(
        "VPC flow logs by Firehose and Vector",
        (
            (
                "sh",
                _text("""
                    # FIELDS is what `columns` below says, in one line
                    aws ec2 create-flow-logs --resource-type VPC --resource-ids vpc-1 --traffic-type ALL \\
                      --log-destination-type kinesis-data-firehose --log-destination "$FIREHOSE_ARN" \\
                      --max-aggregation-interval 60 --log-format "$FIELDS"
                """),
            ),
            (
                "yaml",
                _text("""
                    # Firehose has no Kafka destination: it sends to this HTTPS endpoint
                    sources:
                      firehose: {type: aws_kinesis_firehose, address: "0.0.0.0:8443", access_keys: ["${FIREHOSE_KEY}"]}
                    transforms:
                      keyed:
                        type: remap
                        inputs: [firehose]
                        source: |
                          .source = split(string!(parse_json!(.message).message), " ")[1]
                    sinks:
                      kafka:
                        type: kafka
                        inputs: [keyed]
                        bootstrap_servers: kafka:9092
                        topic: flows
                        key_field: source
                        librdkafka_options: {partitioner: murmur2_random}
                        encoding: {codec: text}
                """),
            ),
        ),
        _text("""
            [input]
            topic = "flows"
            format = "vpcflow"
            unpack = "message"
            columns = \"\"\"
            ${version} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end}
            ${action} ${log-status} ${tcp-flags} ${flow-direction}\"\"\"
        """),
        points("""
            * The header line, which only files on S3 have: name `columns`, unless the order is one of AWS's own.
            * Time: whole seconds, of the capture window and not of the connection; a minute at best until a record
              comes.
            * Each window of a connection is a record, each direction another, and each network interface on its way
              again.
            * What AWS skips, told by `SKIPDATA`; traffic to its DNS, metadata and time servers, told by nothing.
            * Firehose delivers at least once, and in no order.
        """),
        "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-firehose.html",
    ),
    Way(
        "VPC flow logs as Parquet",
        (("sh", "aws s3 cp --recursive s3://bucket/AWSLogs/ logs/ && oddflow train --data logs/ --format vpcflow"),),
        _text("""
            [input]
            transport = "files"
            paths = ["logs/"]
            format = "vpcflow"
        """),
        points("""
            * Nothing: columns have names. Underscores or hyphens in them are alike.
            * For watching, S3 is late: a file is written each five minutes.
        """),
        "https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3.html",
    ),
)
