import Dataplane
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func transportMatches(_ match: Match) -> [TransportMatch]? {
        switch match {
        case .sctp(let sctp):
            var found: [TransportMatch] = [
                .sctpPorts(source: PortTest(sctp.ports.source), destination: PortTest(sctp.ports.destination))
            ]
            if let chunks = sctp.chunks { found.append(chunkMatch(chunks)) }
            return found
        case .dccp(let dccp):
            var found: [TransportMatch] = [
                .dccpPorts(source: PortTest(dccp.ports.source), destination: PortTest(dccp.ports.destination))
            ]
            if let types = dccp.types {
                // INVALID stands for the six numbers that are no type's.
                let numbers = types.value.rawValue | (types.value.rawValue & 0x8000 != 0 ? 0xFC00 : 0)
                found.append(.dccpTypes(numbers, isNegated: types.isNegated))
            }
            if let option = dccp.option { found.append(.dccpOption(option.value, isNegated: option.isNegated)) }
            return found
        case .ah(let ah): return [index(.authentication, ah.spi)]
        case .esp(let esp): return [index(.encapsulation, esp.spi)]
        case .ipcomp(let ipcomp):
            // The kernel's match takes --compres and does nothing with it.
            return [
                .index(
                    .compression, first: ipcomp.index.value.lowerBound, last: ipcomp.index.value.upperBound,
                    isNegated: ipcomp.index.isNegated)
            ]
        case .tcpmss(let tcpmss):
            return [
                .segmentSize(
                    first: tcpmss.size.value.lowerBound, last: tcpmss.size.value.upperBound,
                    isNegated: tcpmss.size.isNegated)
            ]
        default: return nil
        }
    }

    /// Any index if none is named: the header must be there all the same.
    private func index(_ header: TransportMatch.IndexedHeader, _ index: Negatable<Bounds<UInt32>>?) -> TransportMatch {
        .index(
            header, first: index?.value.first ?? 0, last: index?.value.last ?? .max,
            isNegated: index?.isNegated ?? false)
    }

    private mutating func chunkMatch(_ chunks: Negatable<SCTPMatch.Chunks>) -> TransportMatch {
        let list = chunks.value.list
        let words = addBits(chunks.value.isEveryType ? Array(0...UInt8.max) : list.map(\.type))
        let flagged = list.filter { $0.flagMask != 0 }
        source.words += flagged.map { UInt32($0.type) << 16 | UInt32($0.flagMask) << 8 | UInt32($0.flags) }
        let mode: TransportMatch.ChunkMode =
            switch chunks.value.mode {
            case .all: .all
            case .any: .any
            case .only: .only
            }
        return .sctpChunks(mode, words: words, flagCount: UInt32(flagged.count), isNegated: chunks.isNegated)
    }
}
