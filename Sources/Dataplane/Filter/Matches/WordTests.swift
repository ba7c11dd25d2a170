/// Comparisons of 32-bit words of the packet, found by small computations (net/netfilter/xt_u32.c). As the rules' words hold
/// them, one after the other:
///
///     offset    operations << 8 | ranges    (operator, operand) …    (first, last) …
public enum CompiledWordTests {
    /// What is done with the value at hand.
    public enum Operator: UInt32, Sendable {
        case and, leftShift, rightShift
        /// The value so far moves the place that is read from.
        case at
    }
}

extension Worker {
    /// Whether all comparisons hold. One that reads outside the packet does not.
    func wordsSuit(_ first: UInt32, _ count: UInt32, _ packet: Packet) -> Bool {
        let words = snapshot.rules.words
        var next = first
        for _ in 0..<count {
            let offset = words[next]
            let operations = words[next &+ 1] >> 8
            let ranges = words[next &+ 1] & 0xFF
            let firstRange = next &+ 2 &+ 2 &* operations
            // Where "@" has moved to, in bytes.
            var base = 0
            guard var value = packet.word(at: Int(offset)) else { return false }
            for operation in 0..<operations {
                let operand = words[next &+ 3 &+ 2 &* operation]
                switch CompiledWordTests.Operator(rawValue: words[next &+ 2 &+ 2 &* operation]) {
                case .and: value &= operand
                // Shifts of 32 and more are refused when rules are read.
                case .leftShift: value = value &<< operand
                case .rightShift: value = value &>> operand
                case .at:
                    base += Int(value)
                    guard let word = packet.word(at: base + Int(operand)) else { return false }
                    value = word
                case nil: return false
                }
            }
            var lies = false
            for range in 0..<ranges {
                let place = firstRange &+ 2 &* range
                if value >= words[place], value <= words[place &+ 1] {
                    lies = true
                    break
                }
            }
            guard lies else { return false }
            next = firstRange &+ 2 &* ranges
        }
        return true
    }
}

extension Packet {
    /// Four bytes of the IP packet; nil if it ends before.
    @inline(__always)
    func word(at offset: Int) -> UInt32? {
        guard offset >= 0, offset <= totalLength - 4 else { return nil }
        return UInt32(bigEndian: unsafe ip.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
