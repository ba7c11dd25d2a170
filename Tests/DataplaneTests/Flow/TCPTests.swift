import Net
import Testing

@testable import Dataplane

/// Segments of one connection and what tracking makes of each: `> SEGMENT : STATE` from the client, `< …` from the server; `invalid` in
/// front of the state where the segment is to be INVALID, `-` for no flow, and behind it the seconds that the flow has left.
struct Conversation: Sendable, CustomTestStringConvertible {
    var rule: String
    var lines: [String]
    var testDescription: String { rule }

    init(_ rule: String, _ lines: String...) {
        self.rule = rule
        self.lines = lines
    }

    init(_ rule: String, after: [String], _ lines: String...) {
        self.rule = rule
        self.lines = after + lines
    }

    /// Three segments of a handshake without options; client at 101, server at 501.
    static let open = ["> S seq 100 : SYN_SENT", "< SA seq 500 ack 101 : SYN_RECV", "> A seq 101 ack 501 : ESTABLISHED"]
    static let closed = open + [
        "> FA seq 101 ack 501 : FIN_WAIT", "< A seq 501 ack 102 : CLOSE_WAIT", "< FA seq 501 ack 102 : LAST_ACK",
        "> A seq 102 ack 502 : TIME_WAIT",
    ]

    func play(on bench: Bench) throws {
        for line in lines {
            if line.hasPrefix("wait ") {
                bench.pass(Double(line.dropFirst(5)) ?? 0)
                continue
            }
            guard let colon = line.firstRange(of: " : ") else { fatalError("no state in: \(line)") }
            let parts = [String(line[..<colon.lowerBound].dropFirst(2)), String(line[colon.upperBound...])]
            let isFromClient = line.hasPrefix(">")
            let dropped = bench.dropped(.rule)
            bench.send(isFromClient ? "lan tcp 10.0.0.2:1000 > 192.0.2.9:80 \(parts[0])" : "wan tcp 192.0.2.9:80 > 10.0.0.2:1000 \(parts[0])")
            var expected = parts[1].split(separator: " ").map(String.init)
            let isInvalid = expected.first == "invalid"
            if isInvalid { expected.removeFirst() }
            #expect((bench.dropped(.rule) > dropped) == isInvalid, "\(rule): \(line)")
            // The wheel ends what has been killed or has expired by the next burst.
            let flow = bench.flowList.first?.split(separator: " ").map(String.init)
            #expect(flow?[2] ?? "-" == expected[0], "\(rule): \(line)")
            if expected.count > 1 { #expect(flow?[1] == expected[1], "\(rule): \(line)") }
        }
    }
}

/// All conversations were played to Linux 6.18's netfilter as well, with the same verdicts and the same states at the end.
@Suite("TCP: states, windows, resets (nf_conntrack_proto_tcp.c)")
struct TCPTests {
    static func bench(_ change: (inout TCPSettings) -> Void = { _ in }) -> Bench {
        var setup = Bench.Setup()
        setup.rules = .tracking
        setup.rules.chain(.filter, .forward, [.drop.states(.invalid)])
        change(&setup.tracking.tcp)
        return Bench(setup)
    }

    static let conversations = [
        Conversation(
            "RFC 9293, 3.5: opened by three segments, with netfilter's timeouts", "> S seq 100 : SYN_SENT 120",
            "< SA seq 500 ack 101 : SYN_RECV 60", "> A seq 101 ack 501 : ESTABLISHED 432000"),
        Conversation(
            "RFC 9293, 3.6: closed by the client", after: Conversation.open, "> FA seq 101 ack 501 : FIN_WAIT 120",
            "< A seq 501 ack 102 : CLOSE_WAIT 60", "< FA seq 501 ack 102 : LAST_ACK 30", "> A seq 102 ack 502 : TIME_WAIT 120"),
        Conversation(
            "closed by the server, FIN and ACK in one", after: Conversation.open, "< FA seq 501 ack 101 : FIN_WAIT",
            "> FA seq 101 ack 502 : LAST_ACK", "< A seq 502 ack 102 : TIME_WAIT"),
        Conversation("a SYN sent again", "> S seq 100 : SYN_SENT", "> S seq 100 : SYN_SENT", "< SA seq 500 ack 101 : SYN_RECV"),
        Conversation(
            "a SYN sent again with a higher number", "> S seq 100 : SYN_SENT", "> S seq 9000 : SYN_SENT",
            "< SA seq 500 ack 9001 : SYN_RECV", "> A seq 9001 ack 501 : ESTABLISHED"),
        Conversation("a SYN-ACK sent again is ignored", "> S seq 100 : SYN_SENT", "< SA seq 500 ack 101 : SYN_RECV", "< SA seq 500 ack 101 : SYN_RECV", "> A seq 101 ack 501 : ESTABLISHED"),
        Conversation("the client's ACK before any SYN-ACK is invalid", "> S seq 100 : SYN_SENT", "> A seq 101 ack 501 : invalid SYN_SENT"),
        Conversation("so is its FIN", "> S seq 100 : SYN_SENT", "> FA seq 101 ack 501 : invalid SYN_SENT"),
        Conversation("and its SYN-ACK", "> S seq 100 : SYN_SENT", "> SA seq 100 ack 1 : invalid SYN_SENT"),
        Conversation(
            "RFC 9293, 3.5, figure 8: simultaneous open", "> S seq 100 : SYN_SENT", "< S seq 500 : SYN_SENT2", "> SA seq 100 ack 501 : SYN_RECV",
            "< SA seq 500 ack 101 : SYN_RECV", "> A seq 101 ack 501 : ESTABLISHED"),
        Conversation("a SYN-ACK without a SYN begins nothing", "< SA seq 500 ack 101 : invalid -"),
        Conversation("nor does FIN", "> FA seq 500 ack 101 : invalid -"),
        Conversation("nor RST", "> R seq 500 : invalid -"),
        Conversation("tcp_valid_flags: SYN and FIN together", "> SF seq 1 : invalid -"),
        Conversation("FIN without ACK", "> F seq 1 : invalid -"), Conversation("no flags at all", "> - seq 1 : invalid -"),
        Conversation("SYN and RST", "> SR seq 1 : invalid -"), Conversation("PSH, ECE and CWR go with any", "> SPEC seq 1 : SYN_SENT"),
        Conversation("URG with SYN", "> SU seq 1 : SYN_SENT"), Conversation("but not with RST", "> RU seq 1 : invalid -"),
        Conversation(
            "RFC 1122, 4.2.2.13: a SYN in TIME-WAIT begins a new connection", after: Conversation.closed, "> S seq 5000 : SYN_SENT 120",
            "< SA seq 9000 ack 5001 : SYN_RECV", "> A seq 5001 ack 9001 : ESTABLISHED"),
        Conversation("the ACK in TIME-WAIT sent again", after: Conversation.closed, "> A seq 102 ack 502 : TIME_WAIT"),
        Conversation("the FIN in TIME-WAIT as well", after: Conversation.closed, "< FA seq 501 ack 102 : TIME_WAIT"),
        Conversation(
            "a SYN from the server's side in TIME-WAIT reopens it the other way round", after: Conversation.closed, "< S seq 7000 : SYN_SENT 120"),
        Conversation(
            "a SYN within an open connection passes and changes nothing", after: Conversation.open, "> S seq 99999 : ESTABLISHED",
            "< A seq 501 ack 101 : ESTABLISHED"),
        Conversation(
            "unless the server answers it: both were in step, we were not", after: Conversation.open, "> S seq 99999 ws 2 : ESTABLISHED",
            "< SA seq 777777 ack 100000 ws 3 : SYN_RECV", "> A seq 100000 ack 777778 : ESTABLISHED"),
        Conversation(
            "RFC 5961, 4.2: the challenge ACK to a SYN in LAST-ACK is not the last ACK", after: Conversation.open, "> FA seq 101 ack 501 : FIN_WAIT",
            "< FA seq 501 ack 102 : LAST_ACK", "> S seq 9999 : LAST_ACK", "< A seq 502 ack 102 : LAST_ACK", "> A seq 102 ack 502 : TIME_WAIT"),
        Conversation("the server's SYN within an open connection is invalid", after: Conversation.open, "< S seq 99999 : invalid ESTABLISHED"),
        Conversation("RST closes", after: Conversation.open, "< R seq 501 : CLOSE 10"),
        Conversation("RST from the client too", after: Conversation.open, "> R seq 101 : CLOSE 10"),
        Conversation("the RST that refuses a SYN ends the flow at once", "> S seq 100 : SYN_SENT", "< RA seq 0 ack 101 : -"),
        Conversation("a SYN after the client's own RST begins anew", after: Conversation.open, "> R seq 101 : CLOSE", "> S seq 7000 : SYN_SENT 120"),
        Conversation(
            "RFC 5961, 3.2: a RST before what was acknowledged is invalid", after: Conversation.open, "< A seq 501 ack 101 len 100 : ESTABLISHED",
            "> A seq 101 ack 601 : ESTABLISHED", "< R seq 550 : invalid ESTABLISHED"),
        Conversation(
            "one within the window but not exact may be challenged: the connection stays, for ten seconds", after: Conversation.open,
            "< A seq 501 ack 101 len 100 : ESTABLISHED", "> A seq 101 ack 601 : ESTABLISHED", "< R seq 700 : ESTABLISHED 10",
            "> A seq 101 ack 601 : ESTABLISHED 300"),
        Conversation("one beyond the window is invalid", after: Conversation.open, "< A seq 501 ack 101 len 100 : ESTABLISHED", "> A seq 101 ack 601 win 1000 : ESTABLISHED", "< R seq 999999 : invalid ESTABLISHED"),
        Conversation("the exact one closes", after: Conversation.open, "< A seq 501 ack 101 len 100 : ESTABLISHED", "> A seq 101 ack 601 : ESTABLISHED", "< R seq 601 : CLOSE 10"),
        Conversation(
            "the RST behind a train of data closes", after: Conversation.open, "< A seq 501 ack 101 len 100 : ESTABLISHED",
            "> A seq 101 ack 601 : ESTABLISHED", "< A seq 601 ack 101 len 50 : ESTABLISHED", "< R seq 651 : CLOSE"),
        Conversation("of a connection that is closing no RST is judged", after: Conversation.closed, "< R seq 1 : CLOSE 10"),
        Conversation(
            "a RST to a SYN that was let by is judged by that SYN", after: Conversation.open, "< A seq 501 ack 101 len 100 : ESTABLISHED", "> A seq 101 ack 601 : ESTABLISHED",
            "> S seq 40000 : ESTABLISHED", "< RA seq 0 ack 40001 : CLOSE 10"),
        Conversation("I. data that begins beyond the window", after: Conversation.open, "> A seq 200000 ack 501 len 10 : invalid ESTABLISHED"),
        Conversation(
            "III. data older than the window passes and changes nothing", after: Conversation.open, "> A seq 4294800000 ack 501 len 10 : ESTABLISHED"),
        Conversation("II. an ACK of what was not sent", after: Conversation.open, "> A seq 101 ack 99999 len 10 : invalid ESTABLISHED"),
        Conversation(
            "sequence numbers wrap", "> S seq 4294967290 : SYN_SENT", "< SA seq 4294967295 ack 4294967291 : SYN_RECV", "> A seq 4294967291 ack 0 : ESTABLISHED",
            "> A seq 4294967291 ack 0 len 100 : ESTABLISHED", "< A seq 0 ack 95 : ESTABLISHED 432000"),
        Conversation(
            "RFC 7323, 2.2: scaled windows, if both announced them", "> S seq 100 win 1000 ws 7 : SYN_SENT", "< SA seq 500 ack 101 win 1000 ws 7 : SYN_RECV",
            "> A seq 101 ack 501 win 1000 : ESTABLISHED", "< A seq 60501 ack 101 win 1000 len 100 : ESTABLISHED", "< A seq 128400 ack 101 win 1000 len 100 : ESTABLISHED",
            "< A seq 199000 ack 101 len 100 : ESTABLISHED", "< A seq 399000 ack 101 len 100 : invalid ESTABLISHED"),
        Conversation(
            "a sender that overshoots the window by less than one passes; more is invalid", "> S seq 100 win 1000 : SYN_SENT", "< SA seq 500 ack 101 win 1000 : SYN_RECV",
            "> A seq 101 ack 501 win 1000 : ESTABLISHED", "< A seq 2000 ack 101 len 499 : ESTABLISHED 432000", "< A seq 4000 ack 101 len 499 : invalid ESTABLISHED"),
        Conversation(
            "not if one did not", "> S seq 100 win 1000 ws 7 : SYN_SENT", "< SA seq 500 ack 101 win 1000 : SYN_RECV", "> A seq 101 ack 501 win 1000 : ESTABLISHED",
            "< A seq 5501 ack 101 win 1000 len 100 : invalid ESTABLISHED"),
        Conversation(
            "a scale above 14 counts as 14", "> S seq 100 win 1000 ws 60 : SYN_SENT", "< SA seq 500 ack 101 win 1000 ws 200 : SYN_RECV",
            "> A seq 101 ack 501 win 65535 : ESTABLISHED", "< A seq 900000000 ack 101 len 10 : ESTABLISHED"),
        Conversation(
            "RFC 2018: a selective acknowledgment counts as one", "> S seq 100 sackok : SYN_SENT", "< SA seq 500 ack 101 sackok : SYN_RECV", "> A seq 101 ack 501 : ESTABLISHED",
            "< A seq 1501 ack 101 len 1000 : ESTABLISHED", "> A seq 101 ack 501 nop nop sack 1501-2501 : ESTABLISHED", "> A seq 101 ack 501 nop nop sack 1501-9501 : invalid ESTABLISHED"),
        Conversation(
            "unacknowledged data shortens the timeout", after: Conversation.open, "> A seq 101 ack 501 len 10 : ESTABLISHED 300", "< A seq 501 ack 111 : ESTABLISHED 432000"),
        Conversation("a closed window too", after: Conversation.open, "< A seq 501 ack 101 win 0 : ESTABLISHED 300"),
        Conversation(
            "three retransmissions too", after: Conversation.open, "> A seq 101 ack 501 len 10 : ESTABLISHED", "< A seq 501 ack 111 : ESTABLISHED 432000",
            "> A seq 101 ack 501 len 10 : ESTABLISHED 432000", "> A seq 101 ack 501 len 10 : ESTABLISHED 432000", "> A seq 101 ack 501 len 10 : ESTABLISHED 432000",
            "> A seq 101 ack 501 len 10 : ESTABLISHED 300"),
        Conversation(
            "nf_conntrack_tcp_loose: picked up midway, and not for days before it was answered", "> A seq 101 ack 501 len 10 : ESTABLISHED 300",
            "< A seq 501 ack 111 : ESTABLISHED 300", "> A seq 111 ack 501 : ESTABLISHED 432000"),
        Conversation("what was picked up from the wrong end turns round", "< A seq 501 ack 111 : ESTABLISHED 300"),
        Conversation("data offset beyond the segment", "> A seq 1 ack 1 opt 99:0102030405 : ESTABLISHED"),
        Conversation("a RST with a zero sequence number in an open connection is judged", after: Conversation.open, "< A seq 501 ack 101 len 100 : ESTABLISHED", "> A seq 101 ack 601 : ESTABLISHED", "< R seq 0 : invalid ESTABLISHED"),
        Conversation("a FIN with data behind the handshake", after: Conversation.open, "> FPA seq 101 ack 501 len 40 : FIN_WAIT", "< A seq 501 ack 142 : CLOSE_WAIT"),
        Conversation("both sides close at once", after: Conversation.open, "> FA seq 101 ack 501 : FIN_WAIT", "< FA seq 501 ack 101 : LAST_ACK", "> A seq 102 ack 502 : TIME_WAIT", "< A seq 502 ack 102 : TIME_WAIT"),
        Conversation("half closed, the other side goes on sending", after: Conversation.open, "> FA seq 101 ack 501 : FIN_WAIT", "< A seq 501 ack 102 len 500 : CLOSE_WAIT", "> A seq 102 ack 1001 : CLOSE_WAIT", "< FA seq 1001 ack 102 : LAST_ACK"),
        Conversation("a SYN in LAST-ACK that the server answers", after: Conversation.open, "> FA seq 101 ack 501 : FIN_WAIT", "< FA seq 501 ack 102 : LAST_ACK", "> S seq 70000 : LAST_ACK", "< SA seq 90000 ack 70001 : SYN_RECV", "> A seq 70001 ack 90001 : ESTABLISHED"),
        Conversation("a SYN-ACK to the wrong number", "> S seq 100 : SYN_SENT", "< SA seq 500 ack 999 : invalid SYN_SENT"),
        Conversation("an ACK of the server before any SYN-ACK is let by", "> S seq 100 : SYN_SENT", "< A seq 500 ack 77 : SYN_SENT", "> R seq 77 : CLOSE 10"),
        Conversation("picked up from the server's side, then a SYN", "< A seq 501 ack 101 len 4 : ESTABLISHED", "> A seq 101 ack 505 : ESTABLISHED", "> S seq 9999 : invalid ESTABLISHED"),
        Conversation("data with a SYN", "> S seq 100 len 20 : SYN_SENT", "< SA seq 500 ack 121 : SYN_RECV", "> A seq 121 ack 501 : ESTABLISHED"),
        Conversation("a RST after the SYN-ACK, from the client", "> S seq 100 : SYN_SENT", "< SA seq 500 ack 101 : SYN_RECV", "> R seq 101 : CLOSE 10"),
        Conversation("a RST after the SYN-ACK, from the server", "> S seq 100 : SYN_SENT", "< SA seq 500 ack 101 : SYN_RECV", "< R seq 501 : CLOSE 10"),
        Conversation("a RST of the server long before its window passes and changes nothing", "> S seq 100 : SYN_SENT", "< SA seq 500 ack 101 : SYN_RECV", "< R seq 3000000000 : SYN_RECV 60"),
        Conversation("a keep-alive and its answer", after: Conversation.open, "> A seq 100 ack 501 : ESTABLISHED", "< A seq 501 ack 101 : ESTABLISHED"),
        Conversation("URG and PSH in data", after: Conversation.open, "> AUP seq 101 ack 501 urg 3 len 9 : ESTABLISHED"),
        Conversation("options that do not add up are read as far as they do", "> S seq 100 opt 3:0a01 ws 5 : SYN_SENT", "< SA seq 500 ack 101 ws 5 : SYN_RECV", "> A seq 101 ack 501 win 1000 : ESTABLISHED"),
        Conversation("a flow that has run out is none", "> S seq 100 : SYN_SENT 120", "wait 121", "< SA seq 500 ack 101 : invalid -"),
    ]

    @Test("segment by segment", arguments: conversations)
    func conversation(_ conversation: Conversation) throws { try conversation.play(on: Self.bench()) }

    @Test("nf_conntrack_tcp_loose=0: nothing is picked up")
    func strict() throws {
        try Conversation("not picked up", "> A seq 101 ack 501 len 10 : invalid -").play(on: Self.bench { $0.loose = false })
    }

    @Test("nf_conntrack_tcp_be_liberal: only resets out of the window are invalid")
    func liberal() throws {
        try Conversation(
            "liberal", after: Conversation.open, "> A seq 200000 ack 501 len 10 : ESTABLISHED", "< A seq 501 ack 101 len 100 : ESTABLISHED",
            "> A seq 101 ack 601 : ESTABLISHED", "< R seq 550 : invalid ESTABLISHED"
        ).play(on: Self.bench { $0.liberal = true })
    }

    @Test("assured after the handshake's last ACK, or by the answer to what was picked up")
    func assured() throws {
        let bench = Self.bench()
        for line in Conversation.open.dropLast() { try Conversation("", line).play(on: bench) }
        #expect(bench.flowList.allSatisfy { !$0.contains("ASSURED") })
        try Conversation("", Conversation.open[2]).play(on: bench)
        #expect(bench.flowList == ["tcp 432000 ESTABLISHED 10.0.0.2:1000>192.0.2.9:80 192.0.2.9:80>10.0.0.2:1000 ASSURED 2/1"])
        let other = Self.bench()
        try Conversation("", "> A seq 1 ack 1 : ESTABLISHED").play(on: other)
        #expect(other.flowList[0].contains("UNREPLIED 1/0"))
        try Conversation("", "< A seq 1 ack 1 : ESTABLISHED", "> A seq 1 ack 1 : ESTABLISHED").play(on: other)
        #expect(other.flowList[0].contains("ASSURED 2/1"))
    }

    @Test("what is only let by is not counted")
    func ignoredIsNotCounted() throws {
        let bench = Self.bench()
        try Conversation("", after: Conversation.open, "> S seq 99999 : ESTABLISHED").play(on: bench)
        #expect(bench.flowList[0].hasSuffix(" 2/1"))
    }

    /// What each segment does in the states NONE, SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK, TIME_WAIT,
    /// CLOSE and SYN_SENT2; `.` is ignored and `!` invalid.
    static let rows: [(Direction, TCPSegmentKind, String)] = [
        (.original, .syn, "ss.....ss2"), (.original, .synAck, "!!r!!!!!!r"), (.original, .fin, "!!fflllTx!"),
        (.original, .ack, "e!eeccTTx!"), (.original, .rst, "!xxxxxxxxx"), (.original, .none, "!!!!!!!!!!"),
        (.reply, .syn, "!2!!!!!s!2"), (.reply, .synAck, "!r.......r"), (.reply, .fin, "!!fflllTx!"),
        (.reply, .ack, "!.reccTTx."), (.reply, .rst, "!xxxxxxxxx"), (.reply, .none, "!!!!!!!!!!"),
    ]

    @Test("every transition of the table", arguments: rows)
    func table(direction: Direction, kind: TCPSegmentKind, row: String) {
        let letters: [Character: TCPTransition] = [
            "s": .synSent, "r": .synReceived, "e": .established, "f": .finWait, "c": .closeWait, "l": .lastAck, "T": .timeWait,
            "x": .close, "2": .synSent2, ".": .ignore, "!": .invalid,
        ]
        #expect(TCPState.allCases.map { TCPTransition.next(direction, kind, from: $0) } == row.map { letters[$0] })
    }

    @Test("RFC 9293, 3.4: the order of sequence numbers is that of their difference")
    func order() {
        #expect(SequenceNumber(.max).isBefore(SequenceNumber(0)))
        #expect(SequenceNumber(0).isAfter(SequenceNumber(.max)))
        #expect(!SequenceNumber(5).isBefore(SequenceNumber(5)))
        #expect(SequenceNumber(0).isBefore(SequenceNumber(0x7FFF_FFFF)))
        #expect(SequenceNumber(3) - SequenceNumber(.max) == 4)
    }
}
