import TestSupport

@testable import Dataplane

/// Writes scripts of TCP segments: a way into each state, then segments of every kind from either side, with numbers that fit and
/// numbers that do not.
struct TCPScripts: TrackingScripts {
    /// How a segment's numbers stand to what the conversation has reached.
    enum Place: String, CaseIterable {
        case exact, keepAlive, ahead, beyond, ancient, zeroSequence, futureACK, ancientACK, zeroACK, others
    }

    enum Kind: String, CaseIterable {
        case S, SA, A, data, FA, R, RA, none, SF
        var flags: TCPFlags {
            switch self {
            case .S: .syn
            case .SA: [.syn, .ack]
            case .A, .data: .ack
            case .FA: [.fin, .ack]
            case .R: .rst
            case .RA: [.rst, .ack]
            case .none: []
            case .SF: [.syn, .fin]
            }
        }
    }

    private(set) var steps: [TwinScript.Step] = []
    /// What client and server would send next.
    private var next: [UInt32] = [1000, 5000]

    var script: TwinScript { TwinScript(steps: steps) }

    /// Adds a segment.
    mutating func add(
        _ isReply: Bool, _ kind: Kind, _ place: Place = .exact, window: UInt16 = 8000, options: [UInt8] = [], length: Int? = nil
    ) {
        let own = isReply ? 1 : 0
        var sequence = next[own]
        var acknowledgment = kind.flags.contains(.ack) ? next[1 - own] : 0
        switch place {
        case .exact: break
        case .keepAlive: sequence &-= 1
        case .ahead: sequence &+= 10
        case .beyond: sequence &+= 300_000
        case .ancient: sequence &-= 300_000
        case .zeroSequence: sequence = 0
        case .futureACK: acknowledgment &+= 7_000
        case .ancientACK: acknowledgment &-= 300_000
        case .zeroACK: acknowledgment = 0
        case .others:
            sequence = isReply ? 0x7000_0000 : 0x6000_0000
            acknowledgment = kind.flags.contains(.ack) ? (isReply ? 0x6000_0001 : 0x7000_0001) : 0
        }
        let length = length ?? (kind == .data ? 100 : 0)
        var tcp = TestPacket.TCP(sourcePort: 0, destinationPort: 0)
        tcp.sequence = sequence
        tcp.acknowledgment = acknowledgment
        tcp.flags = kind.flags.rawValue
        tcp.window = window
        tcp.options = options
        steps.append(
            TwinScript.Step(
                isReply: isReply,
                text: "\(kind) \(place) seq \(sequence) ack \(acknowledgment) win \(window) len \(length)\(options.isEmpty ? "" : " options")",
                transport: .tcp(tcp), payload: [UInt8](repeating: 0, count: length)))
        if place == .exact {
            next[own] &+= UInt32(length) &+ (kind.flags.contains(.syn) ? 1 : 0) &+ (kind.flags.contains(.fin) ? 1 : 0)
        }
    }

    /// SACK permitted, window scale 7, NOP.
    static let options: [UInt8] = [4, 2, 3, 3, 7, 1, 1, 1]

    static let ways: [(String, @Sendable (inout TCPScripts) -> Void)] = [
        ("NONE", { _ in }),
        ("SYN_SENT", { $0.add(false, .S) }),
        ("SYN_SENT, challenged", { $0.add(false, .S); $0.add(true, .A, .others) }),
        ("SYN_SENT2", { $0.add(false, .S); $0.add(true, .S) }),
        ("SYN_SENT2, challenged", { $0.add(false, .S); $0.add(true, .S); $0.add(true, .A) }),
        ("SYN_RECV", { $0.add(false, .S); $0.add(true, .SA) }),
        ("SYN_RECV with options", { $0.add(false, .S, options: options); $0.add(true, .SA, options: options) }),
        ("SYN_RECV, opened by both", { $0.add(false, .S); $0.add(true, .S); $0.add(false, .SA) }),
        ("ESTABLISHED, opened by both", { $0.add(false, .S); $0.add(true, .S); $0.add(false, .A); $0.add(true, .A) }),
        ("ESTABLISHED", { $0.open() }),
        ("ESTABLISHED, scaled", { $0.open(options) }),
        ("ESTABLISHED with data", { $0.open(); $0.add(false, .data); $0.add(true, .data); $0.add(false, .A) }),
        ("ESTABLISHED, unacknowledged", { $0.open(); $0.add(true, .data); $0.add(true, .data) }),
        ("ESTABLISHED, window closed", { $0.open(); $0.add(true, .data); $0.add(false, .A, window: 0) }),
        ("ESTABLISHED, sent again and again", { for _ in 0..<1 { $0.open() }; for _ in 0..<4 { $0.add(false, .A) } }),
        ("ESTABLISHED, a SYN let by", { $0.open(); $0.add(true, .data); $0.add(false, .A); $0.add(false, .S, .others) }),
        ("ESTABLISHED, picked up", { $0.add(false, .data) }),
        ("ESTABLISHED, picked up and answered", { $0.add(false, .data); $0.add(true, .A) }),
        ("ESTABLISHED, picked up and assured", { $0.add(false, .data); $0.add(true, .data); $0.add(false, .A); $0.add(true, .A) }),
        ("ESTABLISHED, a FIN refused", { $0.open(); $0.add(false, .FA, .beyond) }),
        ("FIN_WAIT", { $0.open(); $0.add(false, .FA) }),
        ("FIN_WAIT of the server", { $0.open(); $0.add(true, .FA) }),
        ("CLOSE_WAIT", { $0.open(); $0.add(false, .FA); $0.add(true, .A) }),
        ("CLOSE_WAIT of the server", { $0.open(); $0.add(true, .FA); $0.add(false, .A) }),
        ("LAST_ACK", { $0.open(); $0.add(false, .FA); $0.add(true, .FA) }),
        ("LAST_ACK, a SYN let by", { $0.open(); $0.add(false, .FA); $0.add(true, .FA); $0.add(false, .S, .others) }),
        ("TIME_WAIT", { $0.close() }),
        ("TIME_WAIT, a SYN-ACK let by", { $0.close(); $0.add(true, .SA, .others) }),
        ("CLOSE", { $0.open(); $0.add(true, .R) }),
        ("CLOSE by the client", { $0.open(); $0.add(false, .R) }),
        ("CLOSE after TIME_WAIT", { $0.close(); $0.add(true, .R) }),
    ]

    mutating func open(_ options: [UInt8] = []) {
        add(false, .S, options: options)
        add(true, .SA, options: options)
        add(false, .A)
    }

    mutating func close() {
        open()
        add(false, .FA)
        add(true, .A)
        add(true, .FA)
        add(false, .A)
    }

    static let probe = Kind.A

    mutating func add(_ isReply: Bool, _ kind: Kind, varied variation: Place?) { add(isReply, kind, variation ?? .exact) }

    /// Segments of any kind after any way, half of them where they belong.
    static func walks(_ count: Int, seed: UInt64) -> [TwinScript] {
        walks(count, seed: seed, more: 6) { script, random in
            let kind = random.pick([Kind.S, .SA, .A, .A, .data, .data, .FA, .FA, .R, .RA])
            let place = random.next(below: 2) == 0 ? Place.exact : random.pick(Place.allCases)
            script.add(
                random.next(below: 2) == 0, kind, place, window: random.pick([0, 100, 8000, 65535]),
                options: kind == .S || kind == .SA ? random.pick([[], options]) : [], length: random.pick([nil, nil, nil, 1, 1200]))
        }
    }
}
