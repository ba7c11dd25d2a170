import Net
import Testing

@testable import Dataplane

@Suite("Rings between two threads")
struct RingTests {
    @Test("a ring gives back what it was given, in order, and refuses what finds no room")
    func order() {
        let ring = OneWayRing<Int>(capacity: 4)
        defer { ring.deallocate() }
        for round in 0..<3 {
            for value in 0..<4 { #expect(ring.push(round * 10 + value)) }
            #expect(!ring.push(99) && ring.count == 4)
            for value in 0..<4 { #expect(ring.pop() == round * 10 + value) }
            #expect(ring.pop() == nil && ring.isEmpty)
        }
    }

    @Test("nothing is lost or changed between two threads")
    func threads() {
        let ring = OneWayRing<UInt64>(capacity: 64)
        defer { ring.deallocate() }
        let last: UInt64 = 50_000
        onThreads(2) { thread in
            var next: UInt64 = 0
            while next < last {
                if thread == 0 {
                    if ring.push(next) { next += 1 }
                } else if let value = ring.pop() {
                    if value != next { Issue.record("\(value) came instead of \(next)") }
                    next += 1
                }
            }
        }
        #expect(ring.isEmpty)
    }
}

@Suite("Reports: what rules tell of packets")
struct ReportTests {
    private static let text = Slab<UInt8>(count: 64)

    /// A packet whose bytes count up from its number, with a MAC header in front.
    private static func withPacket(_ number: Int, length: Int, _ body: (Packet) -> Void) {
        let base = UnsafeMutableRawPointer.allocate(byteCount: length + 14, alignment: 8)
        defer { unsafe base.deallocate() }
        for index in 0..<length + 14 {
            unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: number + index), toByteOffset: index, as: UInt8.self)
        }
        body(
            unsafe Packet(
                base: base, address: 0, linkLength: 14, headerLength: 20, totalLength: length,
                ingress: PortIndex(rawValue: 0)))
    }

    private static func push(_ number: Int, length: Int, bytes: Int = .max, into ring: ReportRing) {
        for index in 0..<4 { text[index] = UInt8(ascii: "a") + UInt8(index) }
        var header = ReportHeader(kind: .copy, hook: .forward, time: Instant(nanoseconds: UInt64(number)))
        header.totalLength = UInt32(length)
        withPacket(number, length: length) { packet in
            ring.push(header, prefix: .init(place: 1, count: 3), in: text, packet, link: 14, bytes: bytes)
        }
    }

    @Test("records of every length come out whole and in order, round after round over the end of the memory")
    func wrapping() throws {
        let ring = ReportRing(capacity: 1 << 18)
        let lengths = [20, 21, 1500, 65_535, 40, 9000, 27, 64_000, 33]
        for number in 0..<200 {
            let length = lengths[number % lengths.count]
            Self.push(number, length: length, into: ring)
            let report = try #require(ring.pop())
            #expect(report.header.time.nanoseconds == UInt64(number) && report.prefix == Array("bcd".utf8))
            #expect(report.link == (0..<14).map { UInt8(truncatingIfNeeded: number + $0) })
            #expect(report.packet == (14..<14 + length).map { UInt8(truncatingIfNeeded: number + $0) })
        }
        #expect(ring.isEmpty && ring.lost == 0)
    }

    @Test("a full ring loses what comes, counts it, and keeps what it has")
    func full() throws {
        let ring = ReportRing(capacity: 1 << 18)
        for number in 0..<10 { Self.push(number, length: 60_000, into: ring) }
        #expect(ring.lost == 6)
        for number in 0..<4 { #expect(ring.pop()?.header.time.nanoseconds == UInt64(number)) }
        #expect(ring.pop() == nil)
        Self.push(77, length: 60_000, into: ring)
        #expect(ring.pop()?.header.time.nanoseconds == 77)
    }

    @Test("no more is copied than was asked for, and no more than there is")
    func cut() throws {
        let ring = ReportRing(capacity: 1 << 18)
        Self.push(1, length: 100, bytes: 64, into: ring)
        Self.push(2, length: 30, bytes: 64, into: ring)
        Self.push(3, length: 30, bytes: 0, into: ring)
        for count in [64, 30, 0] { #expect(ring.pop()?.packet.count == count) }
    }

    @Test("one thread writes while another reads: nothing is torn, and what is not lost is in order")
    func threads() {
        let ring = ReportRing(capacity: 1 << 18)
        let last = 3_000
        onThreads(2) { thread in
            if thread == 0 {
                for number in 1...last { Self.push(number, length: 20 + number * 37 % 1400, into: ring) }
                return
            }
            var seen = 0
            while seen + Int(ring.lost) < last {
                guard let report = ring.pop() else { continue }
                let number = Int(report.header.time.nanoseconds)
                seen += 1
                let expected = (14..<14 + 20 + number * 37 % 1400).map { UInt8(truncatingIfNeeded: number + $0) }
                if report.packet != expected { Issue.record("record \(number) is torn") }
            }
        }
        #expect(ring.pop() == nil)
    }
}
