import TestSupport

/// What is in a router's sets, from the text that `ipset save` prints, so that two routers' can be compared.
enum SetContents {
    /// One line an element. Time left is rounded up to whole hundreds of seconds, which is what it was set to; elements of a hash have no
    /// order, those of a list do.
    static func lines(_ saved: String) -> [String] {
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
            if let place = words.firstIndex(of: "timeout"), place + 1 < words.count, let seconds = Int(words[place + 1]) {
                words[place + 1] = "\((seconds + 99) / 100 * 100)"
            }
            let text = words.dropFirst().joined(separator: " ")
            if lists.contains(words[1]) { listed.append(text) } else { found.append(text) }
        }
        return found.sorted() + listed
    }
}
