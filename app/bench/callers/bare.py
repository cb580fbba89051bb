"""An MCP server on standard input and output with one no-op tool."""

from app.bench.servers import make_bare_mcp

if __name__ == "__main__":
    make_bare_mcp().run("stdio")
