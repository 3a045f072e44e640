"""The doctor: what is looked at before somebody asks why, changing nothing."""
