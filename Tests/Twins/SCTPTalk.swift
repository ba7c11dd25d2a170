/// The chunks of an SCTP association (RFC 9260), as two ends send them that mostly keep to the order.
struct SCTPTalk {
    /// What each end wants to see in what it receives.
    private var tags: [UInt32]
    private var sequence: [UInt32] = [1, 1]
    /// How far the handshake came: INIT, INIT ACK, COOKIE ECHO, COOKIE ACK.
    private var step = 0

    init(random: inout SeededRandom) { tags = (0..<2).map { _ in UInt32(random.number(1...0xFFFF_FFFF)) } }

    /// Whether the client speaks next.
    mutating func isClientNext(_ random: inout SeededRandom) -> Bool {
        step < 4 ? (step % 2 == 0) == random.chance(92) : random.chance(55)
    }

    /// The next packet, header and chunks, with a right checksum.
    mutating func packet(_ isClient: Bool, ports: [UInt8], random: inout SeededRandom) -> [UInt8] {
        let (me, other) = isClient ? (0, 1) : (1, 0)
        var tag = tags[other]
        var chunks: [UInt8]
        if step < 4, (step % 2 == 0) == isClient, random.chance(90) {
            switch step {
            case 0:
                chunks = initiation(1, me)
                tag = 0
            case 1: chunks = initiation(2, me)
            case 2: chunks = Self.chunk(10, 0, [7, 7, 7, 7])
            default: chunks = Self.chunk(11, 0, [])
            }
            step += 1
        } else {
            chunks = []
            for _ in 0..<random.pick([1, 1, 1, 2]) { chunks += anyChunk(me, other, random: &random) }
        }
        if random.chance(5) { tag = random.pick([0, 1, tags[me]]) }
        var bytes = ports + Self.big(tag) + [0, 0, 0, 0] + chunks
        var sum = Self.checksum(bytes)
        if random.chance(4) { sum ^= 1 }
        // The sum goes least significant byte first (RFC 9260, appendix A).
        for place in 0..<4 { bytes[8 + place] = UInt8(truncatingIfNeeded: sum >> (8 * UInt32(place))) }
        return bytes
    }

    private mutating func anyChunk(_ me: Int, _ other: Int, random: inout SeededRandom) -> [UInt8] {
        switch random.number(1...20) {
        case 1...7:
            sequence[me] &+= 1
            return Self.chunk(0, 3, Self.big(sequence[me]) + [0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3])
        case 8...11: return Self.chunk(3, 0, Self.big(sequence[other]) + [0, 0, 0xFF, 0xFF, 0, 0, 0, 0])
        case 12: return Self.chunk(4, 0, [0, 1, 0, 6, 9, 9])
        case 13: return Self.chunk(5, 0, [0, 1, 0, 6, 9, 9])
        case 14...15: return Self.chunk(7, 0, Self.big(sequence[other]))
        case 16...17: return Self.chunk(8, 0, [])
        case 18: return Self.chunk(14, UInt8(random.number(0...1)), [])
        case 19: return Self.chunk(6, UInt8(random.number(0...1)), [])
        default: return random.chance(50) ? initiation(random.pick([1, 2]), me) : Self.chunk(random.pick([9, 10, 11, 12, 63, 192]), 0, [1, 2, 3, 4])
        }
    }

    private func initiation(_ type: UInt8, _ me: Int) -> [UInt8] {
        Self.chunk(type, 0, Self.big(tags[me]) + [0, 1, 0, 0, 0, 1, 0, 1] + Self.big(sequence[me]))
    }

    /// Type, flags, length and value, filled up to four bytes (RFC 9260, 3.2).
    private static func chunk(_ type: UInt8, _ flags: UInt8, _ value: [UInt8]) -> [UInt8] {
        let filling = [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
        return [type, flags] + Dialog.big(UInt16(value.count + 4)) + value + filling
    }

    private static func big(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(value >> $0 & 255) } }

    /// CRC-32C, bit by bit.
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0x82F6_3B78 : sum >> 1 }
        }
        return ~sum
    }
}
