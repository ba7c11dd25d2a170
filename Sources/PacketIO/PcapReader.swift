/// Reads captures frame by frame: classic pcap with micro- or nanoseconds and pcapng, in either byte order.
///
/// Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Only Ethernet (link type 1) is taken.
public struct PcapReader {
    /// Interfaces seen so far; those of a further pcapng section follow those of the section before.
    public var interfaces: [PcapInterface] {
        switch format {
        case .classic(let reader): [reader.interface]
        case .next(let reader): reader.interfaces
        }
    }

    private enum Format {
        case classic(PcapClassicReader)
        case next(PcapngReader)
    }
    private var format: Format

    /// - Parameter bytes: a whole file.
    /// - Throws: if it does not begin as a capture does, or is one of something else than Ethernet.
    public init(_ bytes: [UInt8]) throws(PcapError) {
        guard bytes.count >= 4 else {
            throw PcapError(offset: 0, reason: "\(bytes.count) bytes are too few for a capture")
        }
        // A section header's type reads the same both ways.
        if bytes[..<4] == [0x0A, 0x0D, 0x0D, 0x0A] {
            format = .next(try PcapngReader(bytes))
        } else {
            format = .classic(try PcapClassicReader(bytes))
        }
    }

    /// The next frame, or nil at the end of the file.
    public mutating func next() throws(PcapError) -> PcapFrame? {
        switch format {
        case .classic(var reader):
            defer { format = .classic(reader) }
            return try reader.next()
        case .next(var reader):
            defer { format = .next(reader) }
            return try reader.next()
        }
    }

    /// All frames of a file.
    public static func frames(_ bytes: [UInt8]) throws(PcapError) -> [PcapFrame] {
        var reader = try PcapReader(bytes)
        var frames: [PcapFrame] = []
        while let frame = try reader.next() { frames.append(frame) }
        return frames
    }
}

/// LINKTYPE_ETHERNET.
let pcapEthernet = 1

/// The classic format: a header of 24 bytes, then records of 16 bytes and a frame.
struct PcapClassicReader {
    private(set) var interface: PcapInterface
    private var input: PcapBytes
    private let clock: PcapClock
    private let checkLength: Int

    static let microseconds: UInt32 = 0xA1B2_C3D4
    static let nanoseconds: UInt32 = 0xA1B2_3C4D

    init(_ bytes: [UInt8]) throws(PcapError) {
        input = PcapBytes(bytes[...])
        let magic = try input.u32("the magic number")
        switch (magic, magic.byteSwapped) {
        case (Self.microseconds, _): clock = PcapClock(unit: .decimal(exponent: 6))
        case (Self.nanoseconds, _): clock = PcapClock(unit: .decimal(exponent: 9))
        case (_, Self.microseconds):
            clock = PcapClock(unit: .decimal(exponent: 6))
            input.isBigEndian = true
        case (_, Self.nanoseconds):
            clock = PcapClock(unit: .decimal(exponent: 9))
            input.isBigEndian = true
        default:
            throw input.fail("neither pcap nor pcapng: it begins with 0x\(String(magic.byteSwapped, radix: 16))", at: 0)
        }
        let major = try input.u16("the version")
        let minor = try input.u16("the version")
        guard major == 2, minor >= 3 else { throw input.fail("version \(major).\(minor) of pcap is not known", at: 4) }
        _ = try input.u64("the header")
        interface = PcapInterface(snapLength: Int(try input.u32("the snap length")))
        let link = try input.u32("the link type")
        guard Int(link & 0xFFFF) == pcapEthernet else {
            throw input.fail("link type \(link & 0xFFFF) is not Ethernet (1)", at: 20)
        }
        // Bit 26 says that the top four bits count the check sequence in units of two bytes.
        checkLength = link >> 26 & 1 == 1 ? Int(link >> 28) * 2 : 0
    }

    mutating func next() throws(PcapError) -> PcapFrame? {
        guard input.left > 0 else { return nil }
        let start = input.offset
        let seconds = UInt64(try input.u32("a record's time"))
        let fraction = UInt64(try input.u32("a record's time"))
        let captured = Int(try input.u32("a record's length"))
        let original = Int(try input.u32("a record's length"))
        let bytes = try input.take(captured, "a frame")
        guard captured <= original else {
            throw input.fail("\(captured) bytes captured of a frame of \(original)", at: start + 8)
        }
        guard let rest = clock.nanoseconds(fraction) else { throw input.fail("time out of range", at: start + 4) }
        return pcapFrame(
            0, seconds * 1_000_000_000 + rest, bytes, original: original, checkLength: checkLength)
    }
}

/// A frame without its check sequence, of which a capture may have a part.
func pcapFrame(
    _ interface: Int, _ time: UInt64?, _ bytes: ArraySlice<UInt8>, original: Int, checkLength: Int
) -> PcapFrame {
    let length = max(original - checkLength, 0)
    return PcapFrame(interface: interface, time: time, bytes: Array(bytes.prefix(length)), originalLength: length)
}
