"""What tests of metrics share: a real Prometheus, and the names that Ray exports."""
