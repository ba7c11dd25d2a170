/// Random numbers for ports, identifiers and probabilities: splitmix64 from a seed that is an argument, so that the data
/// plane repeats itself exactly in tests. Guessing its output must not help an attacker to more than a port number.
public struct RandomSource: Sendable {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    /// Wrapping is part of the generator.
    @inline(__always)
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A number from 0 to `limit - 1`; `limit` is at least 1.
    @inline(__always)
    public mutating func next(below limit: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (next() >> 32 &* UInt64(limit)) >> 32)
    }
}
