/// What is in a router's sets, from the text that `ipset save` prints.
public enum SetElements {
    /// One line an element: the set's name, the element and what is noted of it. Elements of a hash have no order and are sorted, those of a
    /// list keep theirs.
    ///
    /// - Parameter left: what a time that runs down reads, by its seconds; `*` if nothing is said.
    public static func lines(_ saved: String, left: (Int) -> String = { _ in "*" }) -> [String] {
        var lists: Set<Substring> = []
        var found: [String] = []
        var listed: [String] = []
        for line in saved.split(separator: "\n") {
            var words = line.split(separator: " ")
            guard words.count > 2 else { continue }
            if words[0] == "create" {
                if words[2] == "list:set" { lists.insert(words[1]) }
                continue
            }
            if let place = words.firstIndex(of: "timeout"), place + 1 < words.count, let seconds = Int(words[place + 1]), seconds != 0 {
                words[place + 1] = left(seconds)[...]
            }
            let text = words.dropFirst().joined(separator: " ")
            if lists.contains(words[1]) { listed.append(text) } else { found.append(text) }
        }
        return found.sorted() + listed
    }
}
