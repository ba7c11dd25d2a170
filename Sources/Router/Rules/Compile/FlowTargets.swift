import Dataplane
import Net
import Rules

extension FlowMatch {
    init(_ connbytes: ConnbytesMatch) {
        let unit: Carried.Unit =
            switch connbytes.unit {
            case .packets: .packets
            case .bytes: .bytes
            case .averagePacket: .averagePacket
            }
        let side: Carried.Side =
            switch connbytes.side {
            case .original: .original
            case .reply: .reply
            case .both: .both
            }
        let range = connbytes.amount.value
        self = .carried(
            Carried(unit, side), first: range.lowerBound, last: range.upperBound,
            isNegated: connbytes.amount.isNegated)
    }
}

extension FlowTarget {
    /// - Parameter helper: the number of the helper it names; 0 for none.
    init(_ ct: CTTarget, helper: UInt8) {
        if ct.isUntracked {
            self = .noTrack
            return
        }
        var options: TrackingTemplate.Options =
            switch ct.zoneSide {
            case .both: [.original, .reply]
            case .original: .original
            case .reply: .reply
            }
        switch ct.zone {
        case .id(let number): self = .track(TrackingTemplate(zone: number, options: options, helper: helper))
        case .mark:
            options.insert(.byMark)
            self = .track(TrackingTemplate(zone: 0, options: options, helper: helper))
        case nil: self = .track(TrackingTemplate(zone: 0, options: [], helper: helper))
        }
    }

    init(_ connmark: ConnmarkTarget) {
        let shift: Int8 =
            switch connmark.shift {
            case .left(let bits): Int8(clamping: bits)
            case .right(let bits): -Int8(clamping: bits)
            case nil: 0
            }
        switch connmark.operation {
        case .set(let operation): self = .setFlowMark(value: operation.value, mask: operation.mask, shift: shift)
        case .save(let flowMask, let packetMask):
            self = .saveMark(flowMask: flowMask, packetMask: packetMask, shift: shift)
        case .restore(let flowMask, let packetMask):
            self = .restoreMark(flowMask: flowMask, packetMask: packetMask, shift: shift)
        }
    }
}

extension Target {
    /// Whether the target acts on flows, so that there must be some (who calls nf_ct_netns_get in the kernel; HMARK does not).
    var needsTracking: Bool {
        switch self {
        case .connmark, .synproxy: true
        case .ct(let ct): !ct.isUntracked
        default: false
        }
    }
}

extension RuleCompiler {
    mutating func hashMark(_ hmark: HMarkTarget) -> FlowTarget {
        source.hashMarks.append(
            HashMark(
                sourceMask: hmark.sourcePrefixLength.map({ IPv4Prefix.mask(length: $0) }) ?? 0,
                destinationMask: hmark.destinationPrefixLength.map({ IPv4Prefix.mask(length: $0) }) ?? 0,
                portMask: Self.word(hmark.sourcePortMask, hmark.destinationPortMask) | (hmark.spiMask ?? 0),
                portSet: Self.word(hmark.sourcePortSet, hmark.destinationPortSet) | (hmark.spiSet ?? 0),
                protocolMask: hmark.protocolMask ?? 0, usesFlow: hmark.usesFlow, seed: hmark.seed,
                modulus: hmark.modulus, offset: hmark.offset ?? 0))
        return .hashMark(UInt32(source.hashMarks.count - 1))
    }

    private static func word(_ high: UInt16?, _ low: UInt16?) -> UInt32 { UInt32(high ?? 0) << 16 | UInt32(low ?? 0) }

    /// Each rule has a list of its own.
    mutating func connectionLimit(_ connlimit: ConnlimitMatch) -> MemoryMatch {
        source.connectionCounts.append(states.own { ConnectionCountState() }.view)
        return .connections(
            list: UInt32(source.connectionCounts.count - 1), limit: connlimit.limit,
            mask: IPv4Prefix.mask(length: connlimit.prefixLength), isAbove: connlimit.isAbove,
            byDestination: connlimit.countsDestinations)
    }
}
