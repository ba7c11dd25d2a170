import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func headerMatches(_ match: Match) -> [HeaderMatch]? {
        switch match {
        case .tcp(let tcp):
            let ports = HeaderMatch.tcp(
                source: PortTest(tcp.ports.source), destination: PortTest(tcp.ports.destination),
                mask: tcp.flags?.value.mask.rawValue ?? 0, flags: tcp.flags?.value.set.rawValue ?? 0,
                isNegated: tcp.flags?.isNegated ?? false)
            guard let option = tcp.option else { return [ports] }
            return [ports, .tcpOption(kind: option.value, isNegated: option.isNegated)]
        case .udp(let udp): return [headerMatch(udp.ports)]
        case .udplite(let udp): return [headerMatch(udp.ports)]
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
        default: break
        }
        if let found = ipMatches(match) { return found.map { .ip($0) } }
        if let found = transportMatches(match) { return found.map { .transport($0) } }
        if let found = contentMatch(match) { return [.content(found)] }
        if case .ecn(let ecn) = match { return headerMatches(ecn) }
        return nil
    }

    private func ipMatches(_ match: Match) -> [IPMatch]? {
        switch match {
        case .length(let length):
            return [
                .length(
                    first: length.lengths.value.first, last: length.lengths.value.last,
                    isNegated: length.lengths.isNegated)
            ]
        case .ttl(let ttl):
            switch ttl.comparison {
            case .equal(let value): return [.ttl(.equal, value)]
            case .notEqual(let value): return [.ttl(.notEqual, value)]
            case .less(let value): return [.ttl(.less, value)]
            case .greater(let value): return [.ttl(.greater, value)]
            }
        case .tos(let tos):
            return [.tos(value: tos.tos.value.value, mask: tos.tos.value.mask, isNegated: tos.tos.isNegated)]
        case .dscp(let dscp):
            return [.tos(value: dscp.codePoint.value << 2, mask: 0xFC, isNegated: dscp.codePoint.isNegated)]
        case .iprange(let range):
            var found: [IPMatch] = []
            if let source = range.source {
                found.append(
                    .source(
                        first: source.value.first.rawValue, last: source.value.last.rawValue,
                        isNegated: source.isNegated))
            }
            if let destination = range.destination {
                found.append(
                    .destination(
                        first: destination.value.first.rawValue, last: destination.value.last.rawValue,
                        isNegated: destination.isNegated))
            }
            return found
        default: return nil
        }
    }

    /// UDP and UDP-Lite begin alike.
    private func headerMatch(_ ports: TransportPorts) -> HeaderMatch {
        .udp(source: PortTest(ports.source), destination: PortTest(ports.destination))
    }

    /// `ecn` looks at two headers.
    private func headerMatches(_ ecn: ECNMatch) -> [HeaderMatch] {
        var found: [HeaderMatch] = []
        if let codePoint = ecn.codePoint {
            found.append(.ip(.tos(value: codePoint.value, mask: 0x03, isNegated: codePoint.isNegated)))
        }
        let bits = CongestionBits(ecnEcho: ecn.ecnEcho, windowReduced: ecn.congestionWindowReduced)
        if bits.mask != 0 { found.append(.transport(.congestionBits(mask: bits.mask, flags: bits.set))) }
        return found
    }

    /// nil if it is none of these.
    mutating func headerTarget(_ target: Target) -> HeaderTarget? {
        switch target {
        case .tos(let tos): return .tos(value: tos.operation.value, mask: tos.operation.mask)
        case .dscp(let dscp): return .tos(value: dscp.codePoint << 2, mask: 0xFC)
        case .ttl(let ttl):
            switch ttl.operation {
            case .set(let value): return .ttl(.set, value)
            case .increase(let value): return .ttl(.increase, value)
            case .decrease(let value): return .ttl(.decrease, value)
            }
        case .ecn(let ecn):
            let bits = CongestionBits(ecnEcho: ecn.ecnEcho, windowReduced: ecn.congestionWindowReduced)
            return .congestion(
                tos: ecn.codePoint ?? 0, tosMask: ecn.codePoint == nil ? 0 : 0x03, tcp: bits.set, tcpMask: bits.mask)
        case .tcpmss(let tcpmss):
            switch tcpmss.operation {
            case .set(let size): return .segmentSize(size)
            case .clampToPathMTU: return .clampSegmentSize
            }
        case .tcpoptstrip(let strip): return .stripOptions(addBits(strip.kinds))
        case .checksum: return .completeChecksum
        default: return nil
        }
    }

    /// Puts eight words with a bit for each of these numbers among the operands.
    mutating func addBits(_ numbers: [UInt8]) -> UInt32 {
        var words = [UInt32](repeating: 0, count: 8)
        for number in numbers { words[Int(number >> 5)] |= 1 << UInt32(number & 31) }
        source.words += words
        return UInt32(source.words.count - words.count)
    }
}

/// ECE and CWR of a TCP header: which are meant, and which of them are to be set.
private struct CongestionBits {
    var mask: UInt8 = 0
    var set: UInt8 = 0

    init(ecnEcho: Bool?, windowReduced: Bool?) {
        for (wanted, bit) in [(ecnEcho, TCPFlags.ece.rawValue), (windowReduced, TCPFlags.cwr.rawValue)] {
            guard let wanted else { continue }
            mask |= bit
            if wanted { set |= bit }
        }
    }
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
