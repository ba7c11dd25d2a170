import TestSupport

/// What differs between what two routers made of a case, one sentence each; empty if they are twins.
public func differences(between kernel: TwinOutcome, and martlet: TwinOutcome, in twinCase: TwinCase) -> [String] {
    var differences: [String] = []
    for step in twinCase.steps.indices {
        for (side, name) in Pool.topology.sides.map(\.name).enumerated() {
            let one = kernel.outputs.filter { $0.step == step && $0.side == side }
            let other = martlet.outputs.filter { $0.step == step && $0.side == side }
            guard one.map(\.text) != other.map(\.text) else { continue }
            differences.append(
                "step \(step + 1), on \(name): the kernel sends\n" + list(one) + "Martlet sends\n" + list(other))
        }
    }
    if kernel.unsent != martlet.unsent {
        differences.append("numbers missing in steps: kernel \(kernel.unsent), Martlet \(martlet.unsent)")
    }
    if kernel.answers != martlet.answers {
        differences.append("commands carried out: kernel \(kernel.answers), Martlet \(martlet.answers)")
    }
    for step in twinCase.steps.indices {
        let one = kernel.logs.filter { $0.step == step }.map(\.text)
        let other = martlet.logs.filter { $0.step == step }.map(\.text)
        if one != other {
            differences.append(
                "step \(step + 1), the kernel logs\n" + one.map { "    \($0)\n" }.joined() + "Martlet logs\n" + other.map { "    \($0)\n" }.joined())
        }
    }
    differences += without(martlet.memory, kernel.memory).map { "only the kernel remembers \($0)" }
    differences += without(kernel.memory, martlet.memory).map { "only Martlet remembers \($0)" }
    for (name, group) in kernel.chosen.sorted(by: { $0.key < $1.key }) {
        guard let other = martlet.chosen[name], other != group else { continue }
        differences.append("\(name) is \(group) in the kernel, \(other) in Martlet")
    }
    if let counters = kernel.counters, let others = martlet.counters {
        differences += counters.differences(from: others, names: ("kernel", "Martlet"))
    }
    let flows = without(martlet.flows, kernel.flows)
    differences += flows.map { "only the kernel has the flow \($0)" }
    differences += without(kernel.flows, martlet.flows).map { "only Martlet has the flow \($0)" }
    for (flow, seconds) in kernel.timeouts.sorted(by: { $0.key < $1.key }) {
        guard let other = martlet.timeouts[flow], abs(seconds - other) > 2 else { continue }
        differences.append("\(seconds) s left in the kernel, \(other) s in Martlet: \(flow)")
    }
    return differences
}

private func list(_ outputs: [TwinOutcome.Output]) -> String {
    outputs.isEmpty ? "    nothing\n" : outputs.map { "    \($0.text)\n" }.joined()
}

/// What is in `texts` and not in `others`, as often as it is there more often.
private func without(_ others: [String], _ texts: [String]) -> [String] {
    var rest = others
    return texts.filter { text in
        guard let place = rest.firstIndex(of: text) else { return true }
        rest.remove(at: place)
        return false
    }
}
