import Net

/// Targets that tell someone about a packet. They change nothing: the next rule follows.
public enum ReportTarget: Sendable, Equatable {
    /// LOG: a line of syslog severity `level`, 0 to 7 (xt_LOG.c).
    case log(prefix: Text, level: UInt8, options: LogOptions)
    /// NFLOG and ULOG: the packet's first `size` bytes (xt_NFLOG.c).
    case copy(group: UInt16, prefix: Text, size: UInt32)
    /// AUDIT (xt_AUDIT.c).
    case audit

    /// A text in the ruleset's bytes.
    public struct Text: Sendable, Equatable {
        public var place: UInt32
        public var count: UInt8

        public init(place: UInt32, count: UInt8) {
            self.place = place
            self.count = count
        }

        public static let none = Text(place: 0, count: 0)
    }
}

extension Worker {
    /// What a line can tell of: IP header, ICMP header, the IP header in an ICMP error and a TCP header, all with options.
    private static var bytesOfLine: Int { 60 + 8 + 60 + 60 }

    mutating func apply(_ target: ReportTarget, _ packet: Packet, _ hook: Hook) -> TargetOutcome {
        report(target, packet, hook)
        return .next
    }

    @inline(never)
    private func report(_ target: ReportTarget, _ packet: Packet, _ hook: Hook) {
        var header = ReportHeader(kind: .line, hook: hook, time: now)
        header.totalLength = UInt32(truncatingIfNeeded: packet.totalLength)
        header.mark = packet.mark
        header.sender = packet.sender
        switch hook {
        case .prerouting, .input: header.ingress = packet.ingress
        case .forward:
            header.ingress = packet.ingress
            header.egress = packet.egress
        // The way out that the packet had when it came to the hook, whatever nat has made of it since (struct nf_hook_state).
        case .output: header.egress = packet.announcedEgress
        case .postrouting:
            // The kernel still knows where a forwarded packet came from (indev in ip_output), and TEE's copy comes from where it goes to
            // (nf_dup_ipv4).
            header.ingress = packet.isCopy ? packet.egress : packet.ingress == .host ? .none : packet.ingress
            header.egress = packet.isForHost ? .host : packet.egress
        }
        let hasLink = header.ingress != .none && header.ingress != .host
        let link = hasLink ? packet.linkLength : 0
        let text = snapshot.rules.bytes
        switch target {
        case .log(let prefix, let level, let options):
            header.level = level
            header.options = options
            reports.push(header, prefix: prefix, in: text, packet, link: link, bytes: Self.bytesOfLine)
        case .copy(let group, let prefix, let size):
            header.kind = .copy
            header.group = group
            reports.push(header, prefix: prefix, in: text, packet, link: link, bytes: Int(size))
        case .audit:
            header.kind = .audit
            reports.push(header, prefix: .none, in: text, packet, link: 0, bytes: Offset.ipHeader)
        }
    }
}
