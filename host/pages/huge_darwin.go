package pages

func preferHuge([]byte) {}
