import Control
import Dataplane

/// A setting of connection tracking that can be changed while the router runs, by the name of netfilter's sysctl.
struct ConntrackSetting: Sendable {
    enum Kind: Hashable, Sendable {
        case timeout(ConntrackTimeout)
        case max, expectMax, loose, liberal, ignoresInvalidReset, maxRetrans, checksum, accounting, timestamps
    }

    var name: String
    var kind: Kind

    /// All there are, in the order in which `sysctl -a` has them.
    static let all: [ConntrackSetting] = {
        var all: [ConntrackSetting] = [
            ConntrackSetting(name: "nf_conntrack_acct", kind: .accounting),
            ConntrackSetting(name: "nf_conntrack_checksum", kind: .checksum),
            ConntrackSetting(name: "nf_conntrack_expect_max", kind: .expectMax),
            ConntrackSetting(name: "nf_conntrack_max", kind: .max),
            ConntrackSetting(name: "nf_conntrack_tcp_be_liberal", kind: .liberal),
            ConntrackSetting(name: "nf_conntrack_tcp_ignore_invalid_rst", kind: .ignoresInvalidReset),
            ConntrackSetting(name: "nf_conntrack_tcp_loose", kind: .loose),
            ConntrackSetting(name: "nf_conntrack_tcp_max_retrans", kind: .maxRetrans),
            ConntrackSetting(name: "nf_conntrack_timestamp", kind: .timestamps),
        ]
        for timeout in ConntrackTimeout.allCases {
            if let name = timeout.sysctl { all.append(ConntrackSetting(name: name, kind: .timeout(timeout))) }
        }
        return all.sorted { $0.name < $1.name }
    }()

    /// A setting by its name: netfilter's, plain, after `net.netfilter.` or as a path in /proc/sys; as the older kernels spelt it
    /// (`net.ipv4.netfilter.ip_conntrack_tcp_timeout_established`, `net/ipv4/netfilter/ip_ct_tcp_timeout_established`); or a timeout's
    /// name in the configuration (`tcp-established`).
    static func named(_ text: String) throws(Failure) -> ConntrackSetting {
        var name = text.split(separator: "/", omittingEmptySubsequences: true).joined(separator: ".")
        for prefix in ["proc.sys.", "net.ipv4.netfilter.", "net.netfilter.", "net."] where name.hasPrefix(prefix) {
            name.removeFirst(prefix.count)
        }
        for (old, new) in [("ip_conntrack_", "nf_conntrack_"), ("ip_ct_", "nf_conntrack_")] where name.hasPrefix(old) {
            name = new + name.dropFirst(old.count)
        }
        if let setting = all.first(where: { $0.name == name }) { return setting }
        if let timeout = ConntrackTimeout(rawValue: name), let sysctl = timeout.sysctl {
            return ConntrackSetting(name: sysctl, kind: .timeout(timeout))
        }
        if ["nf_conntrack_count", "nf_conntrack_buckets"].contains(name) {
            throw Failure("\(name) can only be read: `martlet flows count --json` has it")
        }
        let known = all.map(\.name) + ConntrackTimeout.allCases.filter { $0.sysctl != nil }.map(\.rawValue)
        let hint = suggestion(for: name, among: known).map { "; did you mean \($0)?" } ?? "; `martlet show timeouts` has them all"
        throw Failure("there is no setting \"\(text)\"\(hint)")
    }

    /// There is no telling what more would be good for.
    static let mostExpectations = 1 << 24

    /// What the setting may be.
    private var range: ClosedRange<Int> {
        switch kind {
        case .timeout: 0...Int(ConntrackTimeouts.limit)
        case .max: 1...Int(Int32.max)
        case .expectMax: 1...Self.mostExpectations
        case .maxRetrans: 0...255
        case .loose, .liberal, .ignoresInvalidReset, .checksum, .accounting, .timestamps: 0...1
        }
    }

    /// A value as sysctl takes it.
    func value(_ text: String) throws(Failure) -> Int {
        guard let value = ConfigurationNode.number(text), range.contains(value) else {
            throw Failure("\(name) takes a whole number from \(range.lowerBound) to \(range.upperBound), not \"\(text)\"")
        }
        return value
    }

    /// - Parameter flowLimit: what nf_conntrack_max is unless the configuration says it.
    func get(_ conntrack: ConntrackConfiguration, flowLimit: Int) -> Int {
        switch kind {
        case .timeout(let timeout): Int(conntrack.timeouts[timeout])
        case .max: conntrack.max ?? flowLimit
        case .expectMax: conntrack.expectationLimit(flows: flowLimit)
        case .loose: conntrack.tcpLoose ? 1 : 0
        case .liberal: conntrack.tcpBeLiberal ? 1 : 0
        case .ignoresInvalidReset: conntrack.tcpIgnoreInvalidRst ? 1 : 0
        case .maxRetrans: Int(conntrack.tcpMaxRetrans)
        case .checksum: conntrack.checksum ? 1 : 0
        case .accounting: conntrack.accounting ? 1 : 0
        case .timestamps: conntrack.timestamps ? 1 : 0
        }
    }

    /// - Parameter value: in the setting's range.
    func set(_ conntrack: inout ConntrackConfiguration, to value: Int) {
        switch kind {
        case .timeout(let timeout): conntrack.timeouts[timeout] = UInt32(clamping: value)
        case .max: conntrack.max = value
        case .expectMax: conntrack.expectMax = value
        case .loose: conntrack.tcpLoose = value != 0
        case .liberal: conntrack.tcpBeLiberal = value != 0
        case .ignoresInvalidReset: conntrack.tcpIgnoreInvalidRst = value != 0
        case .maxRetrans: conntrack.tcpMaxRetrans = UInt8(clamping: value)
        case .checksum: conntrack.checksum = value != 0
        case .accounting: conntrack.accounting = value != 0
        case .timestamps: conntrack.timestamps = value != 0
        }
    }
}

extension ConntrackConfiguration {
    /// The most expectations for so many flows: as the kernel has it unless the configuration says otherwise.
    func expectationLimit(flows: Int) -> Int { expectMax ?? ExpectationTable.usualLimit(flows: flows) }

    /// Changes a setting as `martlet set` does.
    ///
    /// - Parameters:
    ///   - name: in any spelling that `ConntrackSetting.named` knows.
    ///   - text: as sysctl takes it.
    package mutating func set(_ name: String, to text: String) throws(Failure) {
        let setting = try ConntrackSetting.named(name)
        setting.set(&self, to: try setting.value(text))
    }
}

extension ConntrackTimeout {
    /// Netfilter's sysctl; nil for timeouts that have none in net.netfilter (this kernel tracks no DCCP, and the one of fragments is
    /// net.ipv4.ipfrag_time).
    var sysctl: String? {
        switch self {
        case .udp, .icmp, .generic, .gre: "nf_conntrack_\(rawValue)_timeout"
        case .udpStream: "nf_conntrack_udp_timeout_stream"
        case .greStream: "nf_conntrack_gre_timeout_stream"
        case .dccpRequest, .dccpRespond, .dccpPartOpen, .dccpOpen, .dccpCloseReq, .dccpClosing, .dccpTimeWait, .frag: nil
        default:
            // tcp-syn-sent, sctp-closed …
            rawValue.firstIndex(of: "-").map { dash in
                let state = rawValue[rawValue.index(after: dash)...].map { $0 == "-" ? "_" : $0 }
                return "nf_conntrack_\(rawValue[..<dash])_timeout_\(String(state))"
            }
        }
    }
}

/// Tables of timeouts that have a name (`timeouts: {preset: …}`).
public enum TimeoutPreset: String, Sendable, CaseIterable {
    /// The kernel's own.
    case kernel
    /// The older ones that the iptables tutorial teaches. Of its states, NONE and LISTEN no longer occur.
    case tutorial

    var timeouts: ConntrackTimeouts {
        var timeouts = ConntrackTimeouts()
        guard self == .tutorial else { return timeouts }
        let seconds: KeyValuePairs<ConntrackTimeout, UInt32> = [
            .tcpEstablished: 432_000, .tcpSynSent: 120, .tcpSynRecv: 60, .tcpFinWait: 120, .tcpTimeWait: 120, .tcpClose: 10,
            .tcpCloseWait: 43_200, .tcpLastAck: 30, .udp: 30, .udpStream: 180, .icmp: 30, .generic: 600,
        ]
        for (timeout, value) in seconds { timeouts[timeout] = value }
        return timeouts
    }
}
