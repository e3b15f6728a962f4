package kernels

// MapAttrs are the attributes of Map.
type MapAttrs struct{ Program Program }
