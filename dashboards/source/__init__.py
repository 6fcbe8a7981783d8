"""What the dashboards are made of: one module for each dashboard, and the parts that they share."""
