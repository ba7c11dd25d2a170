/// Makes a case smaller as long as it still shows the difference: fewer packets, fewer rules, simpler policies.
public func shrunk(_ twinCase: TwinCase, stillDiffers: (TwinCase) -> Bool) -> TwinCase {
    var best = twinCase
    var before = -1
    func size() -> Int { best.steps.count + best.lists.reduce(0) { $0 + $1.count } }
    while before != size() {
        before = size()
        var steps = best.steps
        shrink(&steps) { candidate in
            var other = best
            other.steps = candidate
            return stillDiffers(other)
        }
        best.steps = steps
        for list in best.lists.indices {
            var lines = best.lists[list]
            shrink(&lines) { candidate in
                var other = best
                other.lists[list] = candidate
                return stillDiffers(other)
            }
            best.lists[list] = lines
        }
        for table in best.tables.indices {
            for chain in best.tables[table].chains.indices {
                let line = best.tables[table].chains[chain]
                var other = best
                if line.contains(" DROP ") {
                    other.tables[table].chains[chain] = line.split(separator: " ")[0] + " ACCEPT [0:0]"
                } else if line.contains(" - ") {
                    continue
                } else {
                    continue
                }
                if stillDiffers(other) { best = other }
            }
        }
    }
    // User chains that nothing mentions any more.
    for table in best.tables.indices {
        let rules = best.tables[table].rules.map { $0 + " " }
        best.tables[table].chains.removeAll { line in
            let name = line.dropFirst().split(separator: " ")[0]
            return line.contains(" - ") && !rules.contains { $0.contains(" \(name) ") }
        }
    }
    return best
}

/// Takes out halves, quarters and so on, down to single elements, as long as what is left still does it.
private func shrink<T>(_ list: inout [T], while holds: ([T]) -> Bool) {
    var size = max(list.count / 2, 1)
    while !list.isEmpty {
        var at = 0
        while at < list.count {
            let end = min(at + size, list.count)
            let candidate = Array(list[..<at] + list[end...])
            if holds(candidate) { list = candidate } else { at = end }
        }
        if size == 1 { return }
        size /= 2
    }
}
