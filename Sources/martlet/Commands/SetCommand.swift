import ArgumentParser
import Control

struct SetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a setting of connection tracking until the next reload, by the name of netfilter's sysctl.")

    @Argument(help: "Such as nf_conntrack_tcp_timeout_established, with or without net.netfilter in front; NAME=VALUE works too.")
    var name: String
    @Argument(help: "Seconds for a timeout; 0 or 1 for what is on or off.")
    var value: String?
    @OptionGroup var client: ClientOptions
    @OptionGroup var options: ListOptions

    func run() throws {
        var change = SettingChange(name: name, value: value ?? "")
        if value == nil {
            // As sysctl takes it.
            guard let sign = name.firstIndex(of: "=") else { throw ValidationError("the value of \(name) is missing") }
            change = SettingChange(name: String(name[..<sign]), value: String(name[name.index(after: sign)...]))
        }
        let reply = try client.perform(.set(change))
        guard case .done(let done) = reply else { throw ClientOptions.unexpected(reply) }
        if options.json { return Output.standard.line(try ClientOptions.json(done)) }
        if let message = done.message { Output.standard.line(message) }
    }
}
