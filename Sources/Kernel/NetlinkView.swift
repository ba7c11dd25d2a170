import Net

/// A stretch of bytes that came from outside. Reading past its end gives nil, whatever the length, and never traps.
///
/// Netlink has numbers in host byte order; reader and writer are for little-endian machines (x86-64, arm64).
struct NetlinkView {
    private let bytes: [UInt8]
    private let start: Int
    /// Length in bytes.
    let count: Int

    init(_ bytes: [UInt8], count: Int? = nil) {
        self.bytes = bytes
        self.start = 0
        self.count = max(0, min(count ?? bytes.count, bytes.count))
    }

    private init(_ bytes: [UInt8], start: Int, count: Int) {
        self.bytes = bytes
        self.start = start
        self.count = count
    }

    func uint8(at offset: Int) -> UInt8? {
        guard offset >= 0, offset < count else { return nil }
        return bytes[start + offset]
    }

    func uint16(at offset: Int) -> UInt16? {
        guard offset >= 0, count - offset >= 2 else { return nil }
        let first = start + offset
        return UInt16(bytes[first]) | UInt16(bytes[first + 1]) << 8
    }

    func uint32(at offset: Int) -> UInt32? {
        guard offset >= 0, count - offset >= 4 else { return nil }
        let first = start + offset
        return UInt32(bytes[first]) | UInt32(bytes[first + 1]) << 8 | UInt32(bytes[first + 2]) << 16
            | UInt32(bytes[first + 3]) << 24
    }

    /// Four bytes in network order.
    func address(at offset: Int) -> IPv4Address? {
        uint32(at: offset).map { IPv4Address(rawValue: UInt32(bigEndian: $0)) }
    }

    /// Six bytes in network order.
    func mac(at offset: Int) -> MACAddress? {
        guard offset >= 0, count - offset >= 6 else { return nil }
        var value: UInt64 = 0
        for index in 0..<6 { value = value << 8 | UInt64(bytes[start + offset + index]) }
        return MACAddress(rawValue: value)
    }

    /// The text up to the first zero byte or the end; broken UTF-8 is repaired, for names are shown to people.
    func text() -> String {
        String(decoding: bytes[start..<start + count].prefix { $0 != 0 }, as: UTF8.self)
    }

    /// The bytes from `offset` on, `length` of them or as many as there are; nil if `offset` lies past the end.
    func slice(from offset: Int, length: Int? = nil) -> NetlinkView? {
        guard offset >= 0, offset <= count, (length ?? 0) >= 0 else { return nil }
        return NetlinkView(bytes, start: start + offset, count: min(length ?? Int.max, count - offset))
    }

    /// The attributes (struct rtattr, or nlattr) from `offset` to the end. They stop at the first whose length is
    /// impossible, as the kernel's own `RTA_OK` does.
    func attributes(from offset: Int = 0) -> NetlinkAttributes {
        NetlinkAttributes(rest: slice(from: offset) ?? NetlinkView([]))
    }
}

/// One attribute: its number without the NLA_F_NESTED and NLA_F_NET_BYTEORDER bits, and its payload.
struct NetlinkAttribute {
    var kind: Int
    var value: NetlinkView
}

/// Walks over attributes in the order they stand.
struct NetlinkAttributes: Sequence, IteratorProtocol {
    fileprivate var rest: NetlinkView

    mutating func next() -> NetlinkAttribute? {
        guard let length = rest.uint16(at: 0).map(Int.init), let kind = rest.uint16(at: 2), length >= 4,
            length <= rest.count, let value = rest.slice(from: 4, length: length - 4)
        else { return nil }
        rest = rest.slice(from: Netlink.aligned(length)) ?? NetlinkView([])
        return NetlinkAttribute(kind: Int(kind & 0x3FFF), value: value)
    }
}

/// One message: the fields of struct nlmsghdr, and what follows it.
struct NetlinkMessage {
    var kind: Int
    var flags: Int
    var sequence: UInt32
    var payload: NetlinkView
}

/// Walks over the messages of one datagram, and stops at the first whose length is impossible.
struct NetlinkMessages: Sequence, IteratorProtocol {
    private var rest: NetlinkView

    init(_ datagram: NetlinkView) { rest = datagram }

    mutating func next() -> NetlinkMessage? {
        guard let length = rest.uint32(at: 0).map(Int.init), let kind = rest.uint16(at: 4),
            let flags = rest.uint16(at: 6), let sequence = rest.uint32(at: 8), length >= Netlink.headerSize,
            length <= rest.count,
            let payload = rest.slice(from: Netlink.headerSize, length: length - Netlink.headerSize)
        else { return nil }
        rest = rest.slice(from: Netlink.aligned(length)) ?? NetlinkView([])
        return NetlinkMessage(kind: Int(kind), flags: Int(flags), sequence: sequence, payload: payload)
    }
}

/// Sizes of netlink's framing (linux/netlink.h).
enum Netlink {
    /// struct nlmsghdr.
    static let headerSize = 16

    /// The next multiple of four: messages and attributes start there (NLMSG_ALIGN, RTA_ALIGN).
    static func aligned(_ length: Int) -> Int { (length + 3) & ~3 }
}
