/// SipHash-2-4 (Aumasson and Bernstein, 2012) of three words: a hash that nobody without the key can foretell, however many of its
/// values he has seen.
struct SipHash {
    let key: (UInt64, UInt64)

    /// Wrapping is the hash.
    func hash(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
        var v0 = key.0 ^ 0x736F_6D65_7073_6575
        var v1 = key.1 ^ 0x646F_7261_6E64_6F6D
        var v2 = key.0 ^ 0x6C79_6765_6E65_7261
        var v3 = key.1 ^ 0x7465_6462_7974_6573

        @inline(__always)
        func rotated(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 - bits) }
        @inline(__always)
        func round() {
            v0 = v0 &+ v1
            v2 = v2 &+ v3
            v1 = rotated(v1, 13) ^ v0
            v3 = rotated(v3, 16) ^ v2
            v0 = rotated(v0, 32)
            v2 = v2 &+ v1
            v0 = v0 &+ v3
            v1 = rotated(v1, 17) ^ v2
            v3 = rotated(v3, 21) ^ v0
            v2 = rotated(v2, 32)
        }
        @inline(__always)
        func take(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }
        take(a)
        take(b)
        take(c)
        // The length in bytes stands in the last word's top byte.
        take(24 << 56)
        v2 ^= 0xFF
        round()
        round()
        round()
        round()
        return v0 ^ v1 ^ v2 ^ v3
    }
}
