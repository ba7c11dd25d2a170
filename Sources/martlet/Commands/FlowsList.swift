import ArgumentParser
import Control

/// Whose file in /proc a listing looks like.
enum FlowFormat: String, ExpressibleByArgument, CaseIterable {
    case nfConntrack = "nf_conntrack"
    case ipConntrack = "ip_conntrack"
}

struct FlowsList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List flows as /proc/net/nf_conntrack prints them.")

    @Option(help: "nf_conntrack, or ip_conntrack: the older kernels' text.")
    var format = FlowFormat.nfConntrack
    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions
    @OptionGroup var flows: FlowOptions

    @Flag(help: "List what helpers have announced, as /proc/net/nf_conntrack_expect prints it.")
    var expectations = false

    func validate() throws {
        if expectations, !flows.filter.isEmpty { throw ValidationError("expectations are listed whole, without a filter") }
    }

    func run() throws {
        if expectations { return try listExpectations() }
        let request = Request.flowsList(flows.filter)
        if options.json {
            return try client.listJSON(request) { reply in if case .flow(let row) = reply { row } else { nil } }
        }
        let end = try client.perform(request) { reply in
            guard case .flow(let row) = reply else { throw ClientOptions.unexpected(reply) }
            Output.standard.line(format == .ipConntrack ? row.ipConntrackText : row.procText)
        }
        guard case .end = end else { throw ClientOptions.unexpected(end) }
    }

    private func listExpectations() throws {
        if options.json {
            return try client.listJSON(.expectations) { reply in if case .expectation(let row) = reply { row } else { nil } }
        }
        let end = try client.perform(.expectations) { reply in
            guard case .expectation(let row) = reply else { throw ClientOptions.unexpected(reply) }
            Output.standard.line(row.procText)
        }
        guard case .end = end else { throw ClientOptions.unexpected(end) }
    }
}
