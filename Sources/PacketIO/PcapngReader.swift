/// The pcapng format: blocks of type, length, body and length again; a section begins with a header that fixes the byte
/// order, and has its own interfaces.
struct PcapngReader {
    private(set) var interfaces: [PcapInterface] = []
    /// What reading frames of an interface takes, beside the list that the user sees.
    private struct Details {
        var linkType: Int
        var clock = PcapClock()
        var checkLength = 0
    }
    private var details: [Details] = []
    /// Where the present section's interfaces begin.
    private var firstOfSection = 0
    private var input: PcapBytes

    enum Block {
        static let interface: UInt32 = 1
        static let packet: UInt32 = 2
        static let simple: UInt32 = 3
        static let enhanced: UInt32 = 6
        static let section: UInt32 = 0x0A0D_0D0A
        static let byteOrder: UInt32 = 0x1A2B_3C4D
    }
    enum Option {
        static let end: UInt16 = 0
        static let comment: UInt16 = 1
        static let name: UInt16 = 2
        static let flags: UInt16 = 2
        static let resolution: UInt16 = 9
        static let checkLength: UInt16 = 13
        static let offset: UInt16 = 14
    }

    init(_ bytes: [UInt8]) throws(PcapError) {
        input = PcapBytes(bytes[...])
    }

    /// Reads on to the next frame.
    mutating func next() throws(PcapError) -> PcapFrame? {
        while input.left > 0 {
            let start = input.offset
            let type = try input.u32("a block's type")
            if type == Block.section { try readByteOrder() }
            let length = Int(try input.u32("a block's length"))
            guard length >= 12, length % 4 == 0 else {
                throw input.fail("a block's length is \(length): not a multiple of 4 of 12 or more", at: start + 4)
            }
            guard length - 8 <= input.left else {
                throw input.fail(
                    "the file ends in a block: \(length) bytes are needed and \(input.left + 8) are left", at: start)
            }
            var body = PcapBytes(try input.take(length - 12, "a block"), isBigEndian: input.isBigEndian)
            let again = Int(try input.u32("a block's second length"))
            guard again == length else {
                throw input.fail("a block's lengths differ: \(length) before and \(again) after", at: start)
            }
            switch type {
            case Block.section: try beginSection(&body)
            case Block.interface: try addInterface(&body)
            case Block.enhanced: return try enhanced(&body)
            case Block.simple: return try simple(&body)
            case Block.packet: return try obsolete(&body)
            default: break
            }
        }
        return nil
    }

    /// Looks ahead: the order in which a section's numbers are written stands behind the first of them.
    private mutating func readByteOrder() throws(PcapError) {
        var ahead = input
        _ = try ahead.take(4, "a section header")
        let at = ahead.offset
        let mark = try ahead.take(4, "a section header")
        switch Array(mark) {
        case [0x1A, 0x2B, 0x3C, 0x4D]: input.isBigEndian = true
        case [0x4D, 0x3C, 0x2B, 0x1A]: input.isBigEndian = false
        default: throw input.fail("a section header without the byte-order magic", at: at)
        }
    }

    private mutating func beginSection(_ body: inout PcapBytes) throws(PcapError) {
        _ = try body.u32("a section header")
        let start = body.offset
        let major = try body.u16("a section header")
        let minor = try body.u16("a section header")
        guard major == 1 else { throw body.fail("version \(major).\(minor) of pcapng is not known", at: start) }
        // The section's length is of use only to those who skip it.
        _ = try body.u64("a section header")
        firstOfSection = interfaces.count
    }

    private mutating func addInterface(_ body: inout PcapBytes) throws(PcapError) {
        var detail = Details(linkType: Int(try body.u16("an interface's link type")))
        _ = try body.u16("an interface")
        var interface = PcapInterface(snapLength: Int(try body.u32("an interface's snap length")))
        try options(&body) { (code, value) throws(PcapError) in
            switch code {
            case Option.name: interface.name = Self.text(value)
            case Option.resolution:
                guard let byte = value.bytes.first else { throw value.fail("if_tsresol is empty") }
                detail.clock.unit =
                    byte & 0x80 == 0 ? .decimal(exponent: Int(byte)) : .binary(exponent: Int(byte & 0x7F))
            case Option.offset:
                var value = value
                detail.clock.offset = Int64(bitPattern: try value.u64("if_tsoffset"))
            case Option.checkLength:
                guard let byte = value.bytes.first else { throw value.fail("if_fcslen is empty") }
                detail.checkLength = Int(byte)
            default: break
            }
        }
        interfaces.append(interface)
        details.append(detail)
    }

    private func enhanced(_ body: inout PcapBytes) throws(PcapError) -> PcapFrame {
        let start = body.offset
        let interface = try self.interface(Int(try body.u32("a packet's interface")), at: start)
        return try frame(&body, interface, start)
    }

    /// The packet block that enhanced ones replaced: its interface has 16 bits, and a count of drops follows.
    private func obsolete(_ body: inout PcapBytes) throws(PcapError) -> PcapFrame {
        let start = body.offset
        let interface = try self.interface(Int(try body.u16("a packet's interface")), at: start)
        _ = try body.u16("a packet's drops")
        return try frame(&body, interface, start)
    }

    private func frame(_ body: inout PcapBytes, _ interface: Int, _ start: Int) throws(PcapError) -> PcapFrame {
        let high = UInt64(try body.u32("a packet's time"))
        let stamp = high << 32 | UInt64(try body.u32("a packet's time"))
        guard let time = details[interface].clock.nanoseconds(stamp) else {
            throw body.fail("time out of range", at: start + 4)
        }
        let captured = Int(try body.u32("a packet's length"))
        let original = Int(try body.u32("a packet's length"))
        guard captured <= original else {
            throw body.fail("\(captured) bytes captured of a frame of \(original)", at: start + 12)
        }
        guard captured <= body.left else {
            throw body.fail("\(captured) bytes captured, but the block has room for \(body.left)", at: start + 12)
        }
        let bytes = try body.take(captured, "a frame")
        _ = try body.take(min(-captured & 3, body.left), "a frame")
        var frame = pcapFrame(interface, time, bytes, original: original, checkLength: details[interface].checkLength)
        try options(&body) { (code, value) throws(PcapError) in
            switch code {
            case Option.comment: frame.comment = Self.text(value)
            case Option.flags:
                var value = value
                frame.flags = try value.u32("epb_flags")
            default: break
            }
        }
        return frame
    }

    /// A block that has nothing but the frame: of the section's first interface, cut at its snap length.
    private func simple(_ body: inout PcapBytes) throws(PcapError) -> PcapFrame {
        let start = body.offset
        let interface = try self.interface(0, at: start)
        let original = Int(try body.u32("a packet's length"))
        let limit = interfaces[interface].snapLength
        let captured = limit == 0 ? original : min(original, limit)
        guard captured <= body.left else {
            throw body.fail("\(captured) bytes captured, but the block has room for \(body.left)", at: start)
        }
        let bytes = try body.take(captured, "a frame")
        return pcapFrame(interface, nil, bytes, original: original, checkLength: details[interface].checkLength)
    }

    /// The place in our list of a section's interface.
    private func interface(_ number: Int, at offset: Int) throws(PcapError) -> Int {
        let count = interfaces.count - firstOfSection
        guard number < count else {
            throw input.fail("a packet of interface \(number), but the section has \(count) so far", at: offset)
        }
        let place = firstOfSection + number
        guard details[place].linkType == pcapEthernet else {
            let name = interfaces[place].name.map { " (\($0))" } ?? ""
            throw input.fail(
                "interface \(number)\(name) has link type \(details[place].linkType), not Ethernet (1)", at: offset)
        }
        return place
    }

    private func options(
        _ body: inout PcapBytes, _ take: (_ code: UInt16, _ value: PcapBytes) throws(PcapError) -> Void
    ) throws(PcapError) {
        while body.left > 0 {
            let code = try body.u16("an option")
            let length = Int(try body.u16("an option"))
            if code == Option.end { return }
            let value = try body.take(length, "an option")
            _ = try body.take(min(-length & 3, body.left), "an option")
            try take(code, PcapBytes(value, isBigEndian: body.isBigEndian))
        }
    }

    private static func text(_ value: PcapBytes) -> String { String(decoding: value.bytes, as: UTF8.self) }
}
