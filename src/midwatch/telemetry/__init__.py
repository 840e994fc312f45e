"""What is measured and told of a server and its workers: metrics, traces, logs. It only looks on."""
