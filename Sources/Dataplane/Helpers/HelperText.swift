import Net

/// What a packet says, for a helper to read. Reading beyond the end gives zeroes, never other memory.
@safe struct HelperText {
    private let base: UnsafeRawPointer
    /// Bytes.
    let count: Int
    /// Where they begin, counted from the packet's transport header.
    let offset: Int

    /// - Returns: nil if the packet has no data behind its TCP or UDP header.
    @inline(__always)
    init?(_ packet: Packet) {
        switch packet.ipProtocol {
        case .tcp:
            guard packet.transportLength >= Offset.tcpHeader else { return nil }
            offset = packet.tcpHeaderLength
            guard offset >= Offset.tcpHeader else { return nil }
        case .udp: offset = Offset.udpHeader
        default: return nil
        }
        guard packet.transportLength > offset else { return nil }
        unsafe base = UnsafeRawPointer(packet.transport) + offset
        count = packet.transportLength &- offset
    }

    @inline(__always)
    subscript(_ place: Int) -> UInt8 {
        guard place >= 0, place < count else { return 0 }
        return unsafe base.load(fromByteOffset: place, as: UInt8.self)
    }

    /// Whether `word` stands at a place.
    func has(_ word: StaticString, at place: Int, ignoringCase: Bool = false, upTo length: Int = .max) -> Bool {
        for index in 0..<min(word.utf8CodeUnitCount, length) {
            let wanted = unsafe word.utf8Start[index]
            let found = self[place &+ index]
            guard found == wanted || ignoringCase && Self.lowered(found) == Self.lowered(wanted) else { return false }
        }
        return place &+ min(word.utf8CodeUnitCount, length) <= count
    }

    /// Where `word` begins first, between two places; nil if nowhere (skb_find_text).
    func find(_ word: StaticString, from start: Int, to end: Int) -> Int? {
        var place = start
        while place < min(end, count) {
            if has(word, at: place) { return place }
            place &+= 1
        }
        return nil
    }

    static func lowered(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    /// A number in decimal digits, and where it ends; no digit is 0. What does not fit a word wraps (simple_strtoul).
    func number(at start: Int, limit: Int = .max) -> (value: UInt64, end: Int) {
        var value: UInt64 = 0
        var place = start
        while place < limit, Self.isDigit(self[place]) {
            value = value &* 10 &+ UInt64(self[place] &- 0x30)
            place &+= 1
        }
        return (value, place)
    }
}

/// What a helper writes in place of what it has read: at most 40 bytes.
struct Replacement {
    private var bytes = InlineArray<40, UInt8>(repeating: 0)
    private(set) var count = 0

    init() {}

    @inline(__always)
    subscript(_ place: Int) -> UInt8 { bytes[place] }

    mutating func append(_ byte: UInt8) {
        guard count < bytes.count else { return }
        bytes[count] = byte
        count += 1
    }

    /// In decimal digits.
    mutating func append(number: UInt32) {
        var divisor: UInt32 = 1
        while number / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(truncatingIfNeeded: number / divisor % 10) + 0x30)
            divisor /= 10
        }
    }

    /// An address as four numbers, with `separator` between them.
    mutating func append(_ address: IPv4Address, separatedBy separator: UInt8) {
        for place in 0..<4 as Range<UInt32> {
            if place > 0 { append(separator) }
            append(number: address.rawValue >> (24 - 8 * place) & 0xFF)
        }
    }
}
