import Glibc
import Testing

@testable import PacketIO

/// A capture built by hand, in either byte order.
struct CaptureBytes {
    var bytes: [UInt8] = []
    var isBigEndian: Bool

    init(bigEndian: Bool) { isBigEndian = bigEndian }

    mutating func u16(_ values: Int...) { for value in values { put(UInt64(value), 2) } }
    mutating func u32(_ values: Int...) { for value in values { put(UInt64(value), 4) } }
    mutating func u64(_ value: UInt64) { put(value, 8) }
    mutating func raw(_ values: [UInt8]) { bytes += values }

    /// A pcapng block around `body`, padded.
    mutating func block(_ type: Int, _ body: (inout CaptureBytes) -> Void) {
        var inside = CaptureBytes(bigEndian: isBigEndian)
        body(&inside)
        inside.pad()
        u32(type, inside.bytes.count + 12)
        bytes += inside.bytes
        u32(inside.bytes.count + 12)
    }

    mutating func option(_ code: Int, _ value: [UInt8]) {
        u16(code, value.count)
        bytes += value
        pad()
    }

    mutating func section() {
        block(0x0A0D_0D0A) {
            $0.u32(0x1A2B_3C4D)
            $0.u16(1, 0)
            $0.u64(.max)
        }
    }

    mutating func interface(linkType: Int = 1, snapLength: Int = 0, _ options: (inout CaptureBytes) -> Void = { _ in })
    {
        block(1) {
            $0.u16(linkType, 0)
            $0.u32(snapLength)
            options(&$0)
        }
    }

    mutating func enhanced(_ interface: Int, stamp: UInt64, _ frame: [UInt8], original: Int? = nil) {
        block(6) {
            $0.u32(interface, Int(stamp >> 32), Int(stamp & 0xFFFF_FFFF), frame.count, original ?? frame.count)
            $0.raw(frame)
        }
    }

    mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }

    private mutating func put(_ value: UInt64, _ count: Int) {
        let little = (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
        bytes += isBigEndian ? little.reversed() : little
    }
}

@Suite("Captures: pcap and pcapng")
struct PcapTests {
    static let frame: [UInt8] = (0..<61).map { UInt8($0) }

    static func classic(magic: Int, bigEndian: Bool, fraction: Int, linkType: Int = 1) -> [UInt8] {
        var capture = CaptureBytes(bigEndian: bigEndian)
        capture.u32(magic)
        capture.u16(2, 4)
        capture.u32(0, 0, 65535, linkType)
        capture.u32(1_700_000_000, fraction, 61, 100)
        capture.raw(frame)
        return capture.bytes
    }

    @Test("Classic pcap in micro- or nanoseconds, either byte order", arguments: [false, true])
    func classicVariants(bigEndian: Bool) throws {
        for (magic, fraction) in [(0xA1B2_C3D4, 123_456), (0xA1B2_3C4D, 123_456_000)] {
            let frames = try PcapReader.frames(Self.classic(magic: magic, bigEndian: bigEndian, fraction: fraction))
            #expect(frames == [PcapFrame(time: 1_700_000_000_123_456_000, bytes: Self.frame, originalLength: 100)])
            #expect(frames[0].isCut)
        }
    }

    @Test("A frame check sequence that the header speaks of is taken off")
    func checkSequence() throws {
        let bytes = Self.classic(magic: 0xA1B2_C3D4, bigEndian: false, fraction: 0, linkType: 2 << 28 | 1 << 26 | 1)
        let cut = try PcapReader.frames(bytes)
        #expect(cut[0].bytes == Self.frame, "it was not captured")
        #expect(cut[0].originalLength == 96)
        var whole = bytes
        whole[36] = 61
        #expect(try PcapReader.frames(whole)[0].bytes == Array(Self.frame.prefix(57)))
    }

    @Test("pcapng: enhanced, simple and obsolete packet blocks, unknown blocks passed over", arguments: [false, true])
    func blocks(bigEndian: Bool) throws {
        var capture = CaptureBytes(bigEndian: bigEndian)
        capture.section()
        capture.interface(snapLength: 40) { $0.option(2, Array("lan0".utf8)) }
        capture.interface {
            $0.option(2, Array("wan0".utf8))
            $0.option(9, [9])
            $0.option(0, [])
        }
        capture.block(0x0000_0BAD) { $0.raw([1, 2, 3]) }
        capture.enhanced(1, stamp: 5_000_000_000_000_000_001, Self.frame)
        capture.block(3) {
            $0.u32(61)
            $0.raw(Array(Self.frame.prefix(40)))
        }
        capture.block(2) {
            $0.u16(0, 7)
            $0.u32(0, 9, 4, 4)
            $0.raw([9, 8, 7, 6])
        }
        capture.block(6) {
            $0.u32(0, 0, 3, 5, 5)
            $0.raw([1, 2, 3, 4, 5, 0, 0, 0])
            $0.option(1, Array("why".utf8))
            $0.u16(2, 4)
            $0.u32(2)
            $0.option(0, [])
        }
        var reader = try PcapReader(capture.bytes)
        var frames: [PcapFrame] = []
        while let frame = try reader.next() { frames.append(frame) }
        #expect(
            frames == [
                PcapFrame(interface: 1, time: 5_000_000_000_000_000_001, bytes: Self.frame),
                PcapFrame(interface: 0, time: nil, bytes: Array(Self.frame.prefix(40)), originalLength: 61),
                PcapFrame(interface: 0, time: 9000, bytes: [9, 8, 7, 6]),
                PcapFrame(interface: 0, time: 3000, bytes: [1, 2, 3, 4, 5], comment: "why", flags: 2),
            ])
        #expect(reader.interfaces == [PcapInterface(name: "lan0", snapLength: 40), PcapInterface(name: "wan0")])
    }

    @Test("A new section has its own byte order and its own interfaces")
    func sections() throws {
        var first = CaptureBytes(bigEndian: false)
        first.section()
        first.interface()
        first.enhanced(0, stamp: 1, [1])
        var second = CaptureBytes(bigEndian: true)
        second.section()
        second.interface()
        second.enhanced(0, stamp: 2, [2])
        let frames = try PcapReader.frames(first.bytes + second.bytes)
        #expect(
            frames == [
                PcapFrame(interface: 0, time: 1000, bytes: [1]), PcapFrame(interface: 1, time: 2000, bytes: [2]),
            ])
    }

    @Test(
        "Time stamps by if_tsresol and if_tsoffset",
        arguments: [
            // resolution, offset, stamp, nanoseconds
            (0, 0, 5, 5_000_000_000), (3, 0, 5, 5_000_000), (6, 0, 5, 5000), (9, 0, 5, 5), (12, 0, 5999, 5),
            (28, 0, .max, 1), (29, 0, .max, 0), (127, 0, .max, 0), (0x80, 0, 3, 3_000_000_000),
            (0x81, 0, 3, 1_500_000_000), (0xA0, 0, 1 << 32, 1_000_000_000), (0xC0, 0, .max, 999_999_999),
            (0xFF, 0, .max, 0), (6, 10, 5, 10_000_005_000), (0, -2, 5, 3_000_000_000),
            (0, 0, 18_446_744_074, nil), (0x80, 0, 18_446_744_074, nil), (0, -6, 5, nil), (0, .max, 5, nil),
            (0, .min, 5, nil),
        ] as [(UInt8, Int64, UInt64, UInt64?)])
    func stamps(resolution: UInt8, offset: Int64, stamp: UInt64, expected: UInt64?) throws {
        var capture = CaptureBytes(bigEndian: false)
        capture.section()
        capture.interface {
            $0.option(9, [resolution])
            $0.u16(14, 8)
            $0.u64(UInt64(bitPattern: offset))
        }
        let start = capture.bytes.count
        capture.enhanced(0, stamp: stamp, [])
        if let expected {
            #expect(try PcapReader.frames(capture.bytes)[0].time == expected)
        } else {
            #expect(throws: PcapError(offset: start + 12, reason: "time out of range")) {
                try PcapReader.frames(capture.bytes)
            }
        }
    }

    @Test("What is written is read back, in both formats")
    func roundTrip() throws {
        let frames = [
            PcapFrame(
                interface: 0, time: 1_700_000_000_000_000_001, bytes: Self.frame, comment: "dropped: no route", flags: 1
            ),
            PcapFrame(interface: 1, time: 1_700_000_000_000_000_002, bytes: []),
            PcapFrame(interface: 1, time: 1_700_000_000_999_999_999, bytes: [1, 2, 3], originalLength: 9000, flags: 2),
        ]
        var next = PcapngWriter(application: "martlet")
        #expect(next.addInterface(PcapInterface(name: "lan0", snapLength: 2000)) == 0)
        #expect(next.addInterface(PcapInterface(name: "wan0")) == 1)
        var written = next.takeBytes()
        for frame in frames {
            next.append(frame)
            written += next.takeBytes()
        }
        var reader = try PcapReader(written)
        for frame in frames { #expect(try reader.next() == frame) }
        #expect(try reader.next() == nil)
        #expect(reader.interfaces == [PcapInterface(name: "lan0", snapLength: 2000), PcapInterface(name: "wan0")])

        var classic = PcapWriter()
        for frame in frames { classic.append(frame) }
        let plain = frames.map { PcapFrame(time: $0.time, bytes: $0.bytes, originalLength: $0.originalLength) }
        #expect(try PcapReader.frames(classic.bytes) == plain)
    }

    @Test("Frames are cut at the snap length, and say so")
    func snapLength() throws {
        var classic = PcapWriter(snapLength: 10)
        classic.append(PcapFrame(time: 0, bytes: Self.frame))
        var next = PcapngWriter()
        _ = next.addInterface(PcapInterface(snapLength: 10))
        next.append(PcapFrame(time: 0, bytes: Self.frame))
        for bytes in [classic.bytes, next.bytes] {
            #expect(
                try PcapReader.frames(bytes) == [
                    PcapFrame(time: 0, bytes: Array(Self.frame.prefix(10)), originalLength: 61)
                ])
        }
    }

    @Test("Cut at any byte, a capture gives the frames before, and an error if the cut is inside of something")
    func truncation() throws {
        var classic = PcapWriter()
        var next = PcapngWriter(application: "x")
        _ = next.addInterface(PcapInterface(name: "lan0"))
        for n: UInt64 in 0..<3 {
            classic.append(PcapFrame(time: n, bytes: Self.frame))
            next.append(PcapFrame(time: n, bytes: Self.frame, comment: "c", flags: 1))
        }
        for whole in [classic.bytes, next.bytes] {
            var complete = 0
            for length in 0..<whole.count {
                var frames = 0
                do throws(PcapError) {
                    var reader = try PcapReader(Array(whole.prefix(length)))
                    while try reader.next() != nil { frames += 1 }
                    complete += 1
                } catch {
                    #expect((0...length).contains(error.offset) && !error.reason.isEmpty)
                }
                #expect(frames < 3)
            }
            // Classic: after the header and two records. pcapng: after each of four blocks.
            #expect(complete == (whole == classic.bytes ? 3 : 4))
        }
    }

    @Test("No byte, whatever it is changed to, makes reading trap")
    func corruption() {
        var next = PcapngWriter()
        _ = next.addInterface(PcapInterface(name: "lan0"))
        next.append(PcapFrame(time: 7, bytes: Array(Self.frame.prefix(9)), comment: "c", flags: 1))
        var classic = PcapWriter()
        classic.append(PcapFrame(time: 7, bytes: Array(Self.frame.prefix(9))))
        var refused = 0
        for whole in [classic.bytes, next.bytes] {
            for place in whole.indices {
                for value: UInt8 in [0, 1, 0x7F, 0x80, 0xFF, whole[place] ^ 0x10] {
                    var bytes = whole
                    bytes[place] = value
                    do throws(PcapError) {
                        _ = try PcapReader.frames(bytes)
                    } catch {
                        refused += 1
                        #expect((0...bytes.count).contains(error.offset))
                    }
                }
            }
        }
        #expect(refused > 0)
    }

    @Test("Errors say where and what")
    func messages() {
        func message(_ bytes: [UInt8]) -> String {
            do throws(PcapError) {
                _ = try PcapReader.frames(bytes)
                return "none"
            } catch { return error.description }
        }
        var section = CaptureBytes(bigEndian: false)
        section.section()
        var orphan = section
        orphan.enhanced(0, stamp: 0, [1])
        var cooked = section
        cooked.interface(linkType: 113) { $0.option(2, Array("any".utf8)) }
        #expect(message(cooked.bytes) == "none", "an interface of another kind is no harm by itself")
        cooked.enhanced(0, stamp: 0, [1])
        var crooked = section
        crooked.interface()
        crooked.bytes[crooked.bytes.count - 4] ^= 4
        #expect(message([]) == "at byte 0: 0 bytes are too few for a capture")
        #expect(message([1, 2, 3, 4, 5]) == "at byte 0: neither pcap nor pcapng: it begins with 0x1020304")
        #expect(
            message(Self.classic(magic: 0xA1B2_C3D4, bigEndian: false, fraction: 0, linkType: 113))
                == "at byte 20: link type 113 is not Ethernet (1)")
        #expect(
            message(Array(Self.classic(magic: 0xA1B2_C3D4, bigEndian: true, fraction: 0).dropLast()))
                == "at byte 40: the file ends in a frame: 61 bytes are needed and 60 are left")
        #expect(message(orphan.bytes) == "at byte 36: a packet of interface 0, but the section has 0 so far")
        #expect(message(cooked.bytes) == "at byte 64: interface 0 (any) has link type 113, not Ethernet (1)")
        #expect(message(crooked.bytes) == "at byte 28: a block's lengths differ: 20 before and 16 after")
    }

    @Test("Files are loaded and saved; a file that is not there says so")
    func files() throws {
        let path = "/tmp/martlet-pcap-\(getpid()).pcapng"
        defer { unsafe unlink(path) }
        let bytes = (0..<600_000).map { UInt8(truncatingIfNeeded: $0) }
        try PcapFile.save(bytes, to: path)
        #expect(try PcapFile.load(path) == bytes)
        try PcapFile.save([1], to: path)
        #expect(try PcapFile.load(path) == [1])
        unsafe unlink(path)
        let error = #expect(throws: PcapFileError.self) { try PcapFile.load(path) }
        #expect(error?.description == "\(path): No such file or directory")
    }
}
