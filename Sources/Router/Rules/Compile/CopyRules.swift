import Dataplane
import Net
import Rules

extension RuleCompiler {
    /// nil if it is none of these.
    mutating func copyTarget(_ target: Target, _ refuse: (String) -> Refusal) throws(Refusal) -> CopyTarget? {
        switch target {
        case .mirror: return .mirror
        case .tee(let tee):
            guard let name = tee.outInterface else { return .tee(gateway: tee.gateway, egress: .none) }
            guard let port = surroundings.portNames.firstIndex(of: name) else {
                // A check without a configuration knows no ports.
                if surroundings.portNames.isEmpty { return .tee(gateway: tee.gateway, egress: .none) }
                throw refuse("\"--oif \(name)\": there is no such port")
            }
            return .tee(gateway: tee.gateway, egress: PortIndex(rawValue: UInt8(port)))
        default: return nil
        }
    }
}
