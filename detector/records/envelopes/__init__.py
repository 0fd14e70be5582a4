"""What may be around records: shippers' objects, lists and lines, Avro and Protobuf."""
