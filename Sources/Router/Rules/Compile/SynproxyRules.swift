import Dataplane
import Rules

extension SynproxyRule {
    init(_ target: SynproxyTarget) {
        var options: Options = []
        if target.permitsSACK { options.insert(.permitsSACK) }
        if target.hasTimestamps { options.insert(.timestamp) }
        if target.windowScale != nil { options.insert(.windowScale) }
        if target.maximumSegmentSize != nil { options.insert(.maximumSegmentSize) }
        if target.usesECN { options.insert(.ecn) }
        self.init(
            options: options, windowScale: target.windowScale ?? 0, maximumSegmentSize: target.maximumSegmentSize ?? 0)
    }
}
