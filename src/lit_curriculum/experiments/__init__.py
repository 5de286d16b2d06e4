"""Paper experiments: one folder each, a LightningDataModule and a LightningModule."""
