"""Which services answer in this format, where, and how do they differ? Data; the reference page is made of it.

Addresses and fields were read in public files, named with each (`source`). None was called to check them: what a
service does is as its documentation, or somebody who calls it, says.
"""

from collections.abc import Mapping

import msgspec

from quarterdeck.model.media import IMAGES, PDF
from quarterdeck.providers.openai_compatible.dialect import PLAIN, Dialect

MODELS_DEV = "anomalyco/models.dev providers/{}/provider.toml"
LITELLM = "BerriAI/litellm litellm/constants.py"


USUAL_TOKENS = 2048


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """One service. `base_url` is empty where everybody has another; `key` is the usual variable of its key, empty where
    none is needed; `key_header` carries the key, empty for a bearer token; `max_tokens` is the longest answer that is
    asked for; `source` says where address and differences were read, `unverified` what is from memory.
    """

    title: str
    base_url: str = ""
    key: str = ""
    key_header: str = ""
    max_tokens: int = USUAL_TOKENS
    dialect: Dialect = PLAIN
    source: str
    unverified: str = ""


NEWER = Dialect(max_tokens_field="max_completion_tokens")
OPENAI = Dialect(max_tokens_field="max_completion_tokens", reads=(*IMAGES, PDF), cache="key", by_name=True)

PRESETS: Mapping[str, Preset] = {
    "openai": Preset(
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        key="OPENAI_API_KEY",
        max_tokens=8192,
        dialect=OPENAI,
        source="openai 3.54.0, _client.py and types/chat/completion_create_params.py",
    ),
    "azure": Preset(
        title="Azure OpenAI, v1 API",
        key="AZURE_OPENAI_API_KEY",
        key_header="api-key",
        max_tokens=8192,
        dialect=OPENAI,
        source="learn.microsoft.com, API version lifecycle: base_url is https://RESOURCE.openai.azure.com/openai/v1",
        unverified="that the key goes into api-key; a deployment's name tells nothing of its model, so set reasoning",
    ),
    "ollama": Preset(
        title="Ollama",
        base_url="http://127.0.0.1:11434/v1",
        source="docs.ollama.com, OpenAI compatibility",
        unverified="whether a JSON schema is kept to",
    ),
    "ollama-cloud": Preset(
        title="Ollama, cloud",
        base_url="https://ollama.com/v1",
        key="OLLAMA_API_KEY",
        source="docs.ollama.com, OpenAI compatibility",
    ),
    "vllm": Preset(
        title="vLLM",
        base_url="http://127.0.0.1:8000/v1",
        dialect=NEWER,
        source="docs.vllm.ai, reasoning outputs (0.26): the field is `reasoning`",
        unverified="max_completion_tokens",
    ),
    "lmstudio": Preset(
        title="LM Studio",
        base_url="http://127.0.0.1:1234/v1",
        dialect=Dialect(effort=""),
        source=MODELS_DEV.format("lmstudio") + ": no field for reasoning in chat",
    ),
    "llamacpp": Preset(
        title="llama.cpp server",
        base_url="http://127.0.0.1:8080/v1",
        source="the embedded demo model speaks it (providers/local)",
        unverified="the port",
    ),
    "openrouter": Preset(
        title="OpenRouter",
        base_url="https://openrouter.ai/api/v1",
        key="OPENROUTER_API_KEY",
        dialect=Dialect(effort="reasoning", cache="marks", echo="reasoning_details"),
        source=MODELS_DEV.format("openrouter") + "; openrouter.ai/docs, reasoning tokens",
        unverified="marks of the cache",
    ),
    "mistral": Preset(
        title="Mistral",
        base_url="https://api.mistral.ai/v1",
        key="MISTRAL_API_KEY",
        dialect=Dialect(stream_usage=False, seed="random_seed", effort="", short_ids=True, bridge=True, cache="key"),
        source=LITELLM + "; Gitlawb/openclaude #739 (refuses what it does not know); anomalyco/opencode #1680 (ids); "
        "datapizza-labs/datapizza-ai #98 (roles); strandsagents.com, models.mistral (prompt_cache_key)",
        unverified="that usage ends every stream",
    ),
    "groq": Preset(
        title="Groq",
        base_url="https://api.groq.com/openai/v1",
        key="GROQ_API_KEY",
        dialect=NEWER,
        source=LITELLM + "; withceleste/celeste-python #351 (usage of streams)",
        unverified="max_completion_tokens",
    ),
    "deepseek": Preset(
        title="DeepSeek",
        base_url="https://api.deepseek.com",
        key="DEEPSEEK_API_KEY",
        max_tokens=8192,
        dialect=Dialect(form="object", seed="", echo="reasoning_content"),
        source=MODELS_DEV.format("deepseek") + "; earendil-works/pi #3636, langchain-ai/langchain #34166 (reasoning)",
        unverified="that it knows neither a schema nor a seed",
    ),
    "xai": Preset(
        title="xAI",
        base_url="https://api.x.ai/v1",
        key="XAI_API_KEY",
        max_tokens=8192,
        dialect=Dialect(max_tokens_field="max_completion_tokens", reads=IMAGES),
        source=LITELLM + "; hex.pm req_llm 1.10.0, guides/xai.md (max_completion_tokens, images)",
    ),
    "together": Preset(
        title="Together AI",
        base_url="https://api.together.xyz/v1",
        key="TOGETHER_API_KEY",
        source=LITELLM + "; " + MODELS_DEV.format("togetherai") + " (reasoning_effort)",
    ),
    "fireworks": Preset(
        title="Fireworks AI",
        base_url="https://api.fireworks.ai/inference/v1",
        key="FIREWORKS_API_KEY",
        dialect=Dialect(cache="key"),
        source=MODELS_DEV.format("fireworks-ai"),
    ),
    "cerebras": Preset(
        title="Cerebras",
        base_url="https://api.cerebras.ai/v1",
        key="CEREBRAS_API_KEY",
        dialect=Dialect(max_tokens_field="max_completion_tokens", cache="key"),
        source=MODELS_DEV.format("cerebras") + "; pipecat-ai/pipecat #5450, mnfst/modelparams.dev #115 (fields)",
    ),
    "moonshot": Preset(
        title="Moonshot AI (Kimi)",
        base_url="https://api.moonshot.ai/v1",
        key="MOONSHOT_API_KEY",
        max_tokens=8192,
        dialect=Dialect(effort="", cache="key", echo="reasoning_content"),
        source=MODELS_DEV.format("moonshotai"),
        unverified="that reasoning is wanted back",
    ),
    "zai": Preset(
        title="Z.AI (GLM)",
        base_url="https://api.z.ai/api/paas/v4",
        key="ZHIPU_API_KEY",
        max_tokens=8192,
        dialect=Dialect(form="object", effort="", seed=""),
        source=MODELS_DEV.format("zai"),
        unverified="that it knows neither a schema nor a seed",
    ),
    "alibaba": Preset(
        title="Alibaba Model Studio (Qwen)",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key="DASHSCOPE_API_KEY",
        dialect=Dialect(effort="", cache="marks"),
        source=MODELS_DEV.format("alibaba"),
    ),
    "deepinfra": Preset(
        title="Deep Infra",
        base_url="https://api.deepinfra.com/v1/openai",
        key="DEEPINFRA_API_KEY",
        dialect=Dialect(cache="key"),
        source=MODELS_DEV.format("deepinfra"),
    ),
    "nebius": Preset(
        title="Nebius Token Factory",
        base_url="https://api.tokenfactory.nebius.com/v1",
        key="NEBIUS_API_KEY",
        source=MODELS_DEV.format("nebius"),
    ),
    "nvidia": Preset(
        title="NVIDIA NIM",
        base_url="https://integrate.api.nvidia.com/v1",
        key="NVIDIA_API_KEY",
        dialect=Dialect(effort=""),
        source=MODELS_DEV.format("nvidia") + ": refuses what a model does not know",
    ),
    "huggingface": Preset(
        title="Hugging Face router",
        base_url="https://router.huggingface.co/v1",
        key="HF_TOKEN",
        source=MODELS_DEV.format("huggingface"),
    ),
    "baseten": Preset(
        title="Baseten",
        base_url="https://inference.baseten.co/v1",
        key="BASETEN_API_KEY",
        source=MODELS_DEV.format("baseten"),
    ),
    "scaleway": Preset(
        title="Scaleway Generative APIs",
        base_url="https://api.scaleway.ai/v1",
        key="SCALEWAY_API_KEY",
        source=MODELS_DEV.format("scaleway"),
    ),
    "ovhcloud": Preset(
        title="OVHcloud AI Endpoints",
        base_url="https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        key="OVHCLOUD_API_KEY",
        source=MODELS_DEV.format("ovhcloud"),
    ),
    "github": Preset(
        title="GitHub Models",
        base_url="https://models.github.ai/inference",
        key="GITHUB_TOKEN",
        source=MODELS_DEV.format("github-models"),
    ),
    "vercel": Preset(
        title="Vercel AI Gateway",
        base_url="https://ai-gateway.vercel.sh/v1",
        key="AI_GATEWAY_API_KEY",
        dialect=Dialect(effort="reasoning"),
        source=MODELS_DEV.format("vercel"),
    ),
}
