import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func reportTarget(_ target: Target) -> ReportTarget? {
        switch target {
        case .log(let log):
            var options: LogOptions = []
            if log.logsTCPSequence { options.insert(.tcpSequence) }
            if log.logsTCPOptions { options.insert(.tcpOptions) }
            if log.logsIPOptions { options.insert(.ipOptions) }
            if log.logsUID { options.insert(.uid) }
            if log.decodesMAC { options.insert(.decodedMAC) }
            return .log(prefix: text(log.prefix), level: log.level.rawValue, options: options)
        case .nflog(let nflog): return copy(nflog)
        case .ulog(let ulog): return copy(ulog.nflog)
        case .audit: return .audit
        default: return nil
        }
    }

    /// The threshold has no counterpart: what a worker's burst reports is written together, and never waits for more.
    private mutating func copy(_ nflog: NFLogTarget) -> ReportTarget {
        .copy(group: nflog.group, prefix: text(nflog.prefix), size: nflog.size ?? .max)
    }

    /// Prefixes are at most 63 bytes long.
    private mutating func text(_ text: String) -> ReportTarget.Text {
        let bytes = text.keptBytes
        let place = UInt32(source.bytes.count)
        source.bytes += bytes
        return ReportTarget.Text(place: place, count: UInt8(clamping: bytes.count))
    }
}
