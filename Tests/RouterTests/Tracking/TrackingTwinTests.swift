import Glibc
import Net
import TestSupport
import Testing

@testable import Dataplane
@testable import Router

/// Verdict, state, timeout and counters after every segment, beside the kernel's.
@Suite("Tracking: the kernel as a twin", .serialized, .enabled(if: geteuid() == 0, "needs root"))
struct TrackingTwinTests {
    private func play(_ scripts: [TwinScript], on twin: TrackingTwin) throws {
        for script in scripts {
            try twin.play(script)
            if twin.failures.count > 100 { break }
        }
        twin.report()
        #expect(twin.frames > scripts.count)
    }

    @Test("TCP: every cell of the state table, with numbers that fit and that do not")
    func everyCellOfTCP() throws {
        try play(TCPScripts.everyCell(), on: TrackingTwin(.tcp))
    }

    @Test("TCP: walks through the state table", arguments: [1 as UInt64])
    func walksThroughTCP(seed: UInt64) throws {
        try play(TCPScripts.walks(2500, seed: seed), on: TrackingTwin(.tcp))
    }

    @Test("TCP: nf_conntrack_tcp_be_liberal")
    func liberalTCP() throws {
        let twin = try TrackingTwin(.tcp, sysctls: ["net.netfilter.nf_conntrack_tcp_be_liberal=1"]) { $0.tcpBeLiberal = true }
        try play(TCPScripts.walks(600, seed: 2), on: twin)
    }

    @Test("TCP: nf_conntrack_tcp_ignore_invalid_rst")
    func ignoringInvalidResets() throws {
        let twin = try TrackingTwin(.tcp, sysctls: ["net.netfilter.nf_conntrack_tcp_ignore_invalid_rst=1"]) {
            $0.tcpIgnoreInvalidRst = true
        }
        try play(TCPScripts.walks(600, seed: 3), on: twin)
    }

    @Test("TCP: nf_conntrack_tcp_loose off, nf_conntrack_tcp_max_retrans 1, shorter timeouts than those that cut them short")
    func strictTCP() throws {
        let twin = try TrackingTwin(
            .tcp,
            sysctls: [
                "net.netfilter.nf_conntrack_tcp_loose=0", "net.netfilter.nf_conntrack_tcp_max_retrans=1",
                "net.netfilter.nf_conntrack_tcp_timeout_established=250", "net.netfilter.nf_conntrack_tcp_timeout_unacknowledged=150",
                "net.netfilter.nf_conntrack_tcp_timeout_max_retrans=200",
            ]
        ) {
            $0.tcpLoose = false
            $0.tcpMaxRetrans = 1
            $0.timeouts[.tcpEstablished] = 250
            $0.timeouts[.tcpUnacknowledged] = 150
            $0.timeouts[.tcpMaxRetrans] = 200
        }
        try play(TCPScripts.walks(600, seed: 4), on: twin)
    }

    @Test("SCTP: every cell of the state table, with tags that fit and that do not")
    func everyCellOfSCTP() throws { try play(SCTPScripts.everyCell(), on: TrackingTwin(.sctp)) }

    @Test("SCTP: walks through the state table")
    func walksThroughSCTP() throws { try play(SCTPScripts.walks(1500, seed: 1), on: TrackingTwin(.sctp)) }
}
