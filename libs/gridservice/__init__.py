"""What every process of Gridwright needs: settings, logs, metrics, crash points, troubles, back-off."""
