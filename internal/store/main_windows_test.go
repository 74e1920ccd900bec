package store_test

// childFillsDisk has no counterpart: Windows bounds no file by process.
func childFillsDisk(string) error { return nil }
