import Net

/// A timeout policy, which rules name with `-j CT --timeout`: what `nfct add timeout` defines for the kernel.
public struct TimeoutPolicyConfiguration: Hashable, Sendable {
    /// The protocols that have timeouts of their own by state, and `generic` for all others.
    public enum Layer4: String, Sendable, CaseIterable {
        case tcp, udp, icmp, sctp, gre, generic
        case udpLite = "udplite"

        /// nil for `generic`, which any other protocol may follow.
        var ipProtocol: IPProtocol? {
            switch self {
            case .tcp: .tcp
            case .udp: .udp
            case .icmp: .icmp
            case .sctp: .sctp
            case .gre: .gre
            case .udpLite: .udpLite
            case .generic: nil
            }
        }

        /// nfct's names of the states, in the order of the kernel's attributes (uapi/linux/netfilter/nfnetlink_cttimeout.h), and what a
        /// state lasts of which the policy says nothing.
        var states: KeyValuePairs<String, ConntrackTimeout> {
            switch self {
            case .tcp:
                [
                    "syn_sent": .tcpSynSent, "syn_recv": .tcpSynRecv, "established": .tcpEstablished, "fin_wait": .tcpFinWait,
                    "close_wait": .tcpCloseWait, "last_ack": .tcpLastAck, "time_wait": .tcpTimeWait, "close": .tcpClose,
                    "syn_sent2": .tcpSynSent2, "retrans": .tcpMaxRetrans, "unacknowledged": .tcpUnacknowledged,
                ]
            case .udp, .udpLite: ["unreplied": .udp, "replied": .udpStream]
            case .gre: ["unreplied": .gre, "replied": .greStream]
            case .icmp: ["timeout": .icmp]
            case .generic: ["timeout": .generic]
            case .sctp:
                [
                    "closed": .sctpClosed, "cookie_wait": .sctpCookieWait, "cookie_echoed": .sctpCookieEchoed,
                    "established": .sctpEstablished, "shutdown_sent": .sctpShutdownSent, "shutdown_recd": .sctpShutdownRecd,
                    "shutdown_ack_sent": .sctpShutdownAckSent, "heartbeat_sent": .sctpHeartbeatSent,
                ]
            }
        }
    }

    /// 1 to 31 bytes, as a rule names it.
    public var name: String
    public var layer4: Layer4
    /// In seconds, by nfct's names of the states; those left out last as long as without a policy.
    public var seconds: [String: UInt32]

    public init(name: String, layer4: Layer4, seconds: [String: UInt32] = [:]) {
        self.name = name
        self.layer4 = layer4
        self.seconds = seconds
    }

    /// All timeouts in seconds, in the kernel's order.
    func timeouts(_ defaults: ConntrackTimeouts) -> [(state: String, seconds: UInt32)] {
        layer4.states.map { state, timeout in (state, seconds[state] ?? defaults[timeout]) }
    }
}

/// The numbers that flows know policies by.
struct TimeoutPolicyNumbers: Sendable {
    /// What a rule needs to know of a policy.
    struct Entry: Sendable {
        var number: UInt8
        /// nil if any protocol without timeouts of its own may follow it.
        var ipProtocol: IPProtocol?
    }

    private var numbers: [String: UInt8] = [:]
    /// Those that the configuration defines, by name.
    private(set) var entries: [String: Entry] = [:]

    /// Numbers the policies of a configuration: one of a name that was there before keeps its number, so that the flows which follow it
    /// go on.
    ///
    /// - Parameter policies: at most `TimeoutPolicies.limit`.
    mutating func adopt(_ policies: [TimeoutPolicyConfiguration]) {
        entries = [:]
        let names = Set(policies.map(\.name))
        for policy in policies {
            let number = numbers[policy.name] ?? free(names)
            numbers[policy.name] = number
            entries[policy.name] = Entry(number: number, ipProtocol: policy.layer4.ipProtocol)
        }
    }

    /// A number that no policy has had; once they are used up, one of a policy that is no longer defined.
    private mutating func free(_ names: Set<String>) -> UInt8 {
        let used = Set(numbers.values)
        if let fresh = (UInt8(1)...255).first(where: { !used.contains($0) }) { return fresh }
        guard let gone = numbers.keys.sorted().first(where: { !names.contains($0) }) else { return 255 }
        return numbers.removeValue(forKey: gone) ?? 255
    }

    /// The name of a number; nil if its policy is no longer defined.
    func name(of number: UInt8) -> String? { entries.first { $0.value.number == number }?.key }
}
