extension FlowEventRow {
    /// The event as `conntrack -E` prints it, without the newline.
    ///
    /// - Parameters:
    ///   - timestamp: with the time in front, as `-o timestamp`.
    ///   - id: with the flow's number, as `-o id`.
    ///   - extended: with the layer 3 protocol, as `-o extended`.
    public func conntrackText(timestamp: Bool = false, id: Bool = false, extended: Bool = false) -> String {
        var text = ""
        if timestamp {
            let micro = "\(time % 1_000_000)"
            // The program pads to the right where it should have to the left.
            text += "[\(time / 1_000_000).\(micro)\(String(repeating: " ", count: 6 - micro.utf8.count))]\t"
        }
        switch kind {
        case .new: text += "    [NEW] "
        case .update: text += " [UPDATE] "
        case .destroy: text += "[DESTROY] "
        }
        if extended { text += "ipv4     2 " }
        return text + flow.conntrackText(
            protocolState: kind == .destroy || changes.contains("protoinfo"), counters: kind == .destroy,
            mark: flow.mark != 0 || changes.contains("mark"), id: id)
    }
}
