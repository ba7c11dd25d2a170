import TestSupport

@testable import Dataplane

/// SCTP packets as bytes (RFC 9260, 3).
enum SCTPBytes {
    static func packet(tag: UInt32, _ chunks: [[UInt8]]) -> [UInt8] {
        [0, 0, 0, 0] + big(tag) + [0, 0, 0, 0] + chunks.flatMap { $0 }
    }

    static func chunk(_ kind: UInt8, flags: UInt8 = 0, _ value: [UInt8] = []) -> [UInt8] {
        let length = value.count + 4
        return [kind, flags, UInt8(length >> 8), UInt8(length & 255)] + value + [UInt8](repeating: 0, count: (4 - length & 3) & 3)
    }

    /// INIT or INIT ACK: tag, window, streams, first number.
    static func initiation(_ kind: UInt8, tag: UInt32) -> [UInt8] {
        chunk(kind, big(tag) + big(65536) + [0, 1, 0, 1] + big(7))
    }

    static func big(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }

    /// CRC-32C bit by bit, for comparison with the data plane's.
    static func fillChecksum(_ bytes: inout [UInt8]) {
        for index in 8..<12 { bytes[index] = 0 }
        var remainder: UInt32 = .max
        for byte in bytes {
            remainder ^= UInt32(byte)
            for _ in 0..<8 { remainder = remainder & 1 == 0 ? remainder >> 1 : remainder >> 1 ^ 0x82F6_3B78 }
        }
        let sum = ~remainder
        for index in 0..<4 { bytes[8 + index] = UInt8(sum >> UInt32(8 * index) & 255) }
    }
}

/// Writes scripts of SCTP packets.
struct SCTPScripts: TrackingScripts {
    /// The verification tag: what the other side announced, what this side did, none, or a stranger's.
    enum Tag: String, CaseIterable { case right, own, zero, strange }

    enum Kind: String, CaseIterable {
        case DATA, INIT, INIT_ACK, SACK, HEARTBEAT, HEARTBEAT_ACK, ABORT, ABORT_T, SHUTDOWN, SHUTDOWN_ACK, ERROR, COOKIE_ECHO, COOKIE_ACK
        case SHUTDOWN_COMPLETE, SHUTDOWN_COMPLETE_T, INIT_strange, INIT_ACK_strange, COOKIE_ECHO_DATA, DATA_COOKIE_ACK, HEARTBEAT_DATA
        case HEARTBEAT_twice, nothing, zero_length, INIT_short, unknown
    }

    private(set) var steps: [TwinScript.Step] = []
    /// What client and server announced.
    private static let tags: [UInt32] = [0x1111_1111, 0x2222_2222]

    var script: TwinScript { TwinScript(steps: steps) }

    private func chunks(_ kind: Kind, own: UInt32) -> [[UInt8]] {
        let data = SCTPBytes.chunk(0, flags: 3, [UInt8](repeating: 1, count: 17))
        func plain(_ type: UInt8, flags: UInt8 = 0) -> [[UInt8]] { [SCTPBytes.chunk(type, flags: flags)] }
        return switch kind {
        case .DATA: [data]
        case .INIT: [SCTPBytes.initiation(1, tag: own)]
        case .INIT_ACK: [SCTPBytes.initiation(2, tag: own)]
        case .INIT_strange: [SCTPBytes.initiation(1, tag: 0x3333_3333)]
        case .INIT_ACK_strange: [SCTPBytes.initiation(2, tag: 0x4444_4444)]
        case .SACK: plain(3)
        case .HEARTBEAT: plain(4)
        case .HEARTBEAT_ACK: plain(5)
        case .ABORT: plain(6)
        case .ABORT_T: plain(6, flags: 1)
        case .SHUTDOWN: plain(7)
        case .SHUTDOWN_ACK: plain(8)
        case .ERROR: plain(9)
        case .COOKIE_ECHO: plain(10)
        case .COOKIE_ACK: plain(11)
        case .SHUTDOWN_COMPLETE: plain(14)
        case .SHUTDOWN_COMPLETE_T: plain(14, flags: 1)
        case .COOKIE_ECHO_DATA: plain(10) + [data]
        case .DATA_COOKIE_ACK: [data] + plain(11)
        case .HEARTBEAT_DATA: plain(4) + [data]
        case .HEARTBEAT_twice: plain(4) + plain(4)
        case .nothing: []
        case .zero_length: [[3, 0, 0, 0]]
        case .INIT_short: [SCTPBytes.chunk(1, SCTPBytes.big(own))]
        case .unknown: plain(200)
        }
    }

    /// - Parameter tag: nil for the one that this kind has to have.
    mutating func add(_ isReply: Bool, _ kind: Kind, _ tag: Tag? = nil) {
        let own = Self.tags[isReply ? 1 : 0]
        let other = Self.tags[isReply ? 0 : 1]
        let isFirst = kind == .INIT || kind == .INIT_strange || kind == .INIT_short
        let tag = tag ?? (isFirst ? .zero : .right)
        let value: UInt32 =
            switch tag {
            case .right: other
            case .own: own
            case .zero: 0
            case .strange: 0x5555_5555
            }
        steps.append(
            TwinScript.Step(
                isReply: isReply, text: "\(kind) tag \(tag)", transport: .bare,
                payload: SCTPBytes.packet(tag: value, chunks(kind, own: own))))
    }

    mutating func open() {
        add(false, .INIT)
        add(true, .INIT_ACK)
        add(false, .COOKIE_ECHO)
        add(true, .COOKIE_ACK)
    }

    static let ways: [(String, @Sendable (inout SCTPScripts) -> Void)] = [
        ("NONE", { _ in }),
        ("CLOSED", { $0.add(false, .INIT) }),
        ("CLOSED, both began", { $0.add(false, .INIT); $0.add(true, .INIT) }),
        ("COOKIE_WAIT", { $0.add(false, .INIT); $0.add(true, .INIT_ACK) }),
        ("COOKIE_ECHOED", { $0.add(false, .INIT); $0.add(true, .INIT_ACK); $0.add(false, .COOKIE_ECHO) }),
        ("ESTABLISHED", { $0.open() }),
        ("ESTABLISHED, begun anew", { $0.open(); $0.add(false, .INIT_strange) }),
        ("ESTABLISHED by heartbeats", { $0.add(false, .HEARTBEAT); $0.add(true, .HEARTBEAT_ACK) }),
        ("ESTABLISHED, a strange heartbeat", { $0.open(); $0.add(false, .HEARTBEAT, .strange) }),
        ("SHUTDOWN_SENT", { $0.open(); $0.add(false, .SHUTDOWN) }),
        ("SHUTDOWN_RECD", { $0.open(); $0.add(true, .SHUTDOWN) }),
        ("SHUTDOWN_ACK_SENT", { $0.open(); $0.add(false, .SHUTDOWN); $0.add(true, .SHUTDOWN_ACK) }),
        ("SHUTDOWN_ACK_SENT, out of the blue", { $0.add(false, .SHUTDOWN_ACK) }),
        ("CLOSED again", { $0.open(); $0.add(false, .SHUTDOWN); $0.add(true, .SHUTDOWN_ACK); $0.add(false, .SHUTDOWN_COMPLETE) }),
        ("CLOSED by ABORT", { $0.open(); $0.add(true, .ABORT) }),
        ("HEARTBEAT_SENT", { $0.add(false, .HEARTBEAT) }),
    ]

    static let probe = Kind.DATA

    mutating func add(_ isReply: Bool, _ kind: Kind, varied variation: Tag?) { add(isReply, kind, variation) }

    /// Packets of any kind after any way, most with the right tag.
    static func walks(_ count: Int, seed: UInt64) -> [TwinScript] {
        walks(count, seed: seed, more: 5) { script, random in
            script.add(
                random.next(below: 2) == 0, random.pick(Kind.allCases), random.next(below: 3) == 0 ? random.pick(Tag.allCases) : nil)
        }
    }
}
