import Net

extension FlowEventRow {
    /// The event as `conntrack -E` prints it, without the newline.
    ///
    /// - Parameters:
    ///   - timestamp: with the time in front, as `-o timestamp`.
    ///   - id: with the flow's number, as `-o id`.
    ///   - extended: with the layer 3 protocol, as `-o extended`.
    public func conntrackText(timestamp: Bool = false, id: Bool = false, extended: Bool = false) -> String {
        var text = (timestamp ? conntrackTimestamp(time) : "") + kind.conntrackText
        if extended { text += "ipv4     2 " }
        return text + flow.conntrackText(
            protocolState: kind == .destroy || changes.contains("protoinfo"), counters: kind == .destroy,
            mark: flow.mark != 0 || changes.contains("mark"), helper: kind != .destroy, id: id)
    }
}

extension ExpectationEventRow {
    /// The event as `conntrack -E expect` prints it, without the newline.
    ///
    /// - Parameters:
    ///   - timestamp: with the time in front, as `-o timestamp`.
    ///   - extended: with the layer 3 protocol, as `-o extended`.
    public func conntrackText(timestamp: Bool = false, extended: Bool = false) -> String {
        (timestamp ? conntrackTimestamp(time) : "") + kind.conntrackText + expectation.conntrackText(extended: extended)
    }
}

extension ExpectationRow {
    /// The expectation as `conntrack -L expect` prints it, without the newline.
    public func conntrackText(extended: Bool = false) -> String {
        var words = extended ? ["ipv4     2"] : []
        func tuple(_ prefix: String, _ source: IPv4Address, _ destination: IPv4Address, _ sourcePort: UInt16, _ destinationPort: UInt16) {
            words.append("\(prefix)src=\(source) \(prefix)dst=\(destination) sport=\(sourcePort) dport=\(destinationPort)")
        }
        words.append("\(timeout) proto=\(`protocol`.rawValue)")
        tuple("", source, destination, sourcePort, destinationPort)
        tuple("mask-", sourceMask, IPv4Address(rawValue: .max), sourcePortMask, .max)
        tuple("master-", masterSource, masterDestination, masterSourcePort, masterDestinationPort)
        if zone != 0 { words.append("zone=\(zone)") }
        if isPermanent || isInactive {
            words.append([isPermanent ? "PERMANENT" : "", isInactive ? "INACTIVE" : ""].filter { !$0.isEmpty }.joined(separator: ","))
        }
        words.append("class=\(expectationClass)")
        if let helper { words.append("helper=\(helper)") }
        return words.joined(separator: " ")
    }
}

extension FlowEventRow.Kind {
    fileprivate var conntrackText: String {
        switch self {
        case .new: "    [NEW] "
        case .update: " [UPDATE] "
        case .destroy: "[DESTROY] "
        }
    }
}

/// - Parameter time: in microseconds since 1970.
private func conntrackTimestamp(_ time: UInt64) -> String {
    let micro = "\(time % 1_000_000)"
    // The program pads to the right where it should have to the left.
    return "[\(time / 1_000_000).\(micro)\(String(repeating: " ", count: 6 - micro.utf8.count))]\t"
}
