import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func surroundingsMatches(_ match: Match) -> [SurroundingsMatch]? {
        switch match {
        case .mark(let mark): return [.mark(MaskedValueTest(mark.mark))]
        case .mac(let mac): return [.linkSource(mac.source.value, isNegated: mac.source.isNegated)]
        case .pkttype(let type): return [.linkCast(LinkCast(type.kind.value), isNegated: type.kind.isNegated)]
        case .addrtype(let addrtype): return [.addressType(AddressTypeTest(addrtype))]
        case .rpfilter(let rpfilter):
            var options: ReversePathTest.Options = []
            if rpfilter.isLoose { options.insert(.loose) }
            if rpfilter.usesMark { options.insert(.marked) }
            if rpfilter.acceptsLocal { options.insert(.acceptsLocal) }
            if rpfilter.isInverted { options.insert(.inverted) }
            return [.reversePath(ReversePathTest(options))]
        case .realm(let realm):
            source.around.asksForRealms = true
            return [.realm(MaskedValueTest(realm.realm))]
        case .cpu(let cpu): return [.cpu(cpu.cpu.value, isNegated: cpu.cpu.isNegated)]
        case .devgroup(let group):
            return [
                group.source.map { .ingressGroup(MaskedValueTest(masking: $0)) },
                group.destination.map { .egressGroup(MaskedValueTest(masking: $0)) },
            ].compactMap { $0 }
        case .policy(let policy):
            // What xt_policy.c says of a packet without xfrm state, whatever the direction and the elements.
            return [.always(policy.isNone)]
        case .socket: return [.always(false)]
        case .time(let time):
            source.around.times.append(TimeTest(time))
            return [.time(UInt32(source.around.times.count - 1))]
        default: return nil
        }
    }
}

extension MaskedValueTest {
    /// As the kernel compares: a bit of the value outside the mask never matches.
    fileprivate init(_ value: Negatable<MaskedValue>) {
        self.init(value: value.value.value, mask: value.value.mask, isNegated: value.isNegated)
    }

    /// As the kernel compares device groups: bits outside the mask do not count.
    fileprivate init(masking value: Negatable<MaskedValue>) {
        self.init(value)
        self.value &= mask
    }
}

extension LinkCast {
    fileprivate init(_ kind: PkttypeMatch.Kind) {
        self =
            switch kind {
            case .unicast: .unicast
            case .broadcast: .broadcast
            case .multicast: .multicast
            case .otherhost: .otherHost
            }
    }
}

extension AddressTypeTest {
    fileprivate init(_ match: AddrtypeMatch) {
        self.init(
            sources: match.source?.value.rawValue ?? 0, destinations: match.destination?.value.rawValue ?? 0,
            isNotSource: match.source?.isNegated ?? false, isNotDestination: match.destination?.isNegated ?? false,
            confinement: match.confinement == .inInterface ? .ingress : match.confinement == nil ? .none : .egress)
    }
}

extension TimeTest {
    fileprivate init(_ match: TimeMatch) {
        self.init()
        firstDate = match.dates.lowerBound
        lastDate = match.dates.upperBound
        firstSecond = match.daytime.first
        lastSecond = match.daytime.last
        monthDays = match.monthDays
        weekDays = match.weekDays
        isLocal = match.usesLocalTime
        isContiguous = match.isContiguous
    }
}
