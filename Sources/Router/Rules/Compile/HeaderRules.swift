import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func headerMatches(_ match: Match) -> [HeaderMatch]? {
        switch match {
        case .tcp(let tcp):
            let ports = HeaderMatch.tcp(
                source: PortTest(tcp.sourcePorts), destination: PortTest(tcp.destinationPorts),
                mask: tcp.flags?.value.mask.rawValue ?? 0, flags: tcp.flags?.value.set.rawValue ?? 0,
                isNegated: tcp.flags?.isNegated ?? false)
            guard let option = tcp.option else { return [ports] }
            return [ports, .tcpOption(kind: option.value, isNegated: option.isNegated)]
        case .udp(let udp):
            return [.udp(source: PortTest(udp.sourcePorts), destination: PortTest(udp.destinationPorts))]
        case .icmp(let icmp):
            return [
                .icmp(
                    type: icmp.kind.value.type, firstCode: icmp.kind.value.codes.lowerBound,
                    lastCode: icmp.kind.value.codes.upperBound, isNegated: icmp.kind.isNegated)
            ]
        case .multiport(let multiport):
            let first = UInt32(source.portRanges.count)
            for range in multiport.ports.value {
                source.portRanges.append(PortTest(first: range.lowerBound, last: range.upperBound))
            }
            return [
                .multiport(
                    multiport.side == .source ? .source : multiport.side == .destination ? .destination : .either,
                    first: first, count: UInt32(multiport.ports.value.count), isNegated: multiport.ports.isNegated)
            ]
        default: return nil
        }
    }

    /// nil if it is none of these.
    mutating func headerTarget(_ target: Target) -> HeaderTarget? { nil }
}

extension PortTest {
    /// Any port if there is no range.
    init(_ ports: Negatable<ClosedRange<UInt16>>?) {
        guard let ports else {
            self.init()
            return
        }
        self.init(first: ports.value.lowerBound, last: ports.value.upperBound, isNegated: ports.isNegated)
    }
}
