import Net

/// What ports are called outside.
struct InterfaceNames: Sendable {
    /// By the port's number.
    var names: [String]
    /// The kernel's numbers, the same way.
    var links: [LinkIndex]

    func name(_ port: PortIndex) -> String {
        if port == .host { return "lo" }
        return names.indices.contains(Int(port.rawValue)) ? names[Int(port.rawValue)] : ""
    }

    /// 0 for none.
    func link(_ port: PortIndex) -> LinkIndex {
        if port == .host { return LinkIndex(rawValue: 1) }
        return links.indices.contains(Int(port.rawValue)) ? links[Int(port.rawValue)] : .none
    }
}
